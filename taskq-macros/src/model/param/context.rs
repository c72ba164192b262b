//! The context parameter.

use proc_macro2::Span;
use syn::{PatType, Type};

use super::helpers::Helpers;
use crate::{
    errors::Errors,
    model::{Input, types},
};

/// `bind` asks for `&TaskContext` first.
pub(super) fn bound(bind: Span, first: Option<&PatType>, errors: &mut Errors) {
    const EXPECTED: &str = "`bind` gives the context to the first parameter: write `cx: &TaskContext`";
    match first {
        None => errors.push(syn::Error::new(bind, EXPECTED)),
        Some(first) if !types::is_context(&first.ty) => errors.at(&first.ty, EXPECTED),
        Some(_) => {}
    }
}

/// The context itself: `cx: &TaskContext`, first, with `bind`, and bare.
pub(super) fn check(
    param: &PatType,
    is_first_of_bound: bool,
    helpers: &Helpers,
    errors: &mut Errors,
) -> Option<Input> {
    if let Some(place) = helpers.any() {
        errors.at(place, "the context takes no attributes");
        return None;
    }
    if !is_first_of_bound {
        let message =
            "the context comes first, and with `bind`: `#[task(bind)] fn name(cx: &TaskContext, …)`";
        errors.at(&param.ty, message);
        return None;
    }
    match &*param.ty {
        Type::Reference(reference) if reference.mutability.is_none() && reference.lifetime.is_none() => {
            Some(Input::Context)
        }
        ty => {
            errors.at(ty, "the context is lent to the task: write `&TaskContext`");
            None
        }
    }
}
