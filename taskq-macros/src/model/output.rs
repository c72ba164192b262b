//! The return type.

use syn::{ReturnType, Type, spanned::Spanned};

use super::{Output, types};
use crate::errors::Errors;

pub(super) fn check(output: &ReturnType, errors: &mut Errors) -> Option<Output> {
    let ty = match output {
        ReturnType::Default => {
            return Some(Output {
                ty: syn::parse_quote!(()),
                is_result: false,
                span: proc_macro2::Span::call_site(),
            });
        }
        ReturnType::Type(_, ty) => &**ty,
    };
    match ty {
        Type::Never(never) => {
            errors.at(never, "a task that never returns never ends: its message would come back for ever");
            return None;
        }
        Type::ImplTrait(opaque) => {
            errors.at(
                opaque,
                "a task cannot return `impl Trait`: callers have to name the type to read the result",
            );
            return None;
        }
        _ => {}
    }
    if let Some((place, what)) = types::not_owned(ty) {
        errors.at(
            place,
            format!("a task returns an owned value, not {what}: the result is sent to another process"),
        );
        return None;
    }
    if let Some(place) = types::static_reference(types::only_ok(ty)) {
        errors.at(
            place,
            "a task returns an owned value, not a reference: whoever reads the result has to make it anew; return \
             `String` instead of `&'static str`",
        );
        return None;
    }
    let is_result = types::last_segment(ty).is_some_and(|segment| segment.ident == "Result");
    let error = if is_result { types::second_argument(ty) } else { None };
    Some(Output { ty: ty.clone(), is_result, span: error.unwrap_or(ty).span() })
}
