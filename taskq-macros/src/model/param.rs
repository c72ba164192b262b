//! The parameters: context first, then state and arguments in any order.

mod context;
mod helpers;
mod state;

use std::collections::HashSet;

use proc_macro2::Span;
use quote::ToTokens;
use syn::{FnArg, Ident, Pat, PatType, Signature, Type, ext::IdentExt};

use self::helpers::Helpers;
use super::{Argument, ArgumentKind, Default, Input, types};
use crate::errors::Errors;

/// All parameters, or `None` when one of them is wrong.
pub(super) fn check(sig: &Signature, bind: Option<Span>, errors: &mut Errors) -> Option<Vec<Input>> {
    let mut check = Check { errors, names: HashSet::new(), rest: None, by_name: None, optional: None };
    let params: Vec<&PatType> = sig
        .inputs
        .iter()
        .filter_map(|input| match input {
            FnArg::Typed(param) => Some(param),
            FnArg::Receiver(_) => None, // reported with the signature
        })
        .collect();
    if let Some(bind) = bind {
        context::bound(bind, params.first().copied(), check.errors);
    }
    let inputs: Vec<Option<Input>> =
        params.iter().enumerate().map(|(at, param)| check.param(param, at == 0 && bind.is_some())).collect();
    inputs.into_iter().collect()
}

/// What the parameters so far have shown.
struct Check<'a> {
    errors: &'a mut Errors,
    names: HashSet<String>,
    /// `#[args]`
    rest: Option<Ident>,
    /// `#[kwargs]`
    by_name: Option<Ident>,
    /// The last positional parameter with `#[default]`.
    optional: Option<Ident>,
}

impl Check<'_> {
    fn param(&mut self, param: &PatType, is_context: bool) -> Option<Input> {
        let ident = self.ident(param);
        let helpers = Helpers::read(&param.attrs, self.errors)?;
        if types::is_context(&param.ty) {
            return context::check(param, is_context, &helpers, self.errors);
        }
        let ident = ident?;
        if helpers.state.is_some() {
            return state::check(param, &helpers, self.errors);
        }
        self.argument(param, ident, helpers).map(Input::Argument)
    }

    fn ident(&mut self, param: &PatType) -> Option<Ident> {
        match &*param.pat {
            Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => {
                let name = pat.ident.unraw().to_string();
                if !self.names.insert(name) {
                    self.errors.at(&pat.ident, format!("two parameters are called `{}`", pat.ident));
                }
                Some(pat.ident.clone())
            }
            Pat::Wild(wild) => {
                let message = "a task's parameter needs a name: callers may give it by name";
                self.errors.at(wild, message);
                None
            }
            pattern => {
                let message = "a task's parameter is a plain name: take it apart in the body";
                self.errors.at(pattern, message);
                None
            }
        }
    }

    fn argument(&mut self, param: &PatType, ident: Ident, helpers: Helpers) -> Option<Argument> {
        if let Some(by_name) = &self.by_name {
            let message = format!("`#[kwargs] {by_name}` takes all that is left: it has to come last");
            self.errors.at(&ident, message);
            return None;
        }
        if let Type::Reference(reference) = &*param.ty {
            self.errors.at(reference, borrowed(reference));
            return None;
        }
        if let Some((place, what)) = types::not_owned(&param.ty) {
            let message = format!("an argument is an owned value, not {what}: it comes out of a message");
            self.errors.at(place, message);
            return None;
        }
        let by_name = self.rest.is_some();
        let converts = types::last_segment(&param.ty)
            .is_some_and(|segment| segment.ident == "String" || segment.ident == "Option");
        let kind = self.kind(param, &ident, &helpers)?;
        let name = helpers.rename.unwrap_or_else(|| ident.unraw().to_string());
        let (serde, serialize_with) = (helpers.serde, helpers.serialize_with);
        Some(Argument {
            ident,
            name,
            ty: (*param.ty).clone(),
            kind,
            serde,
            serialize_with,
            converts,
            by_name,
        })
    }

    fn kind(&mut self, param: &PatType, ident: &Ident, helpers: &Helpers) -> Option<ArgumentKind> {
        if let Some(args) = &helpers.args {
            if let Some(other) = &self.rest {
                self.errors.at(args, format!("`#[args] {other}` takes all positional arguments already"));
                return None;
            }
            if types::only_argument(&param.ty, "Vec").is_none() {
                self.errors.at(&param.ty, "`#[args]` collects into a `Vec`: `#[args] rest: Vec<T>`");
                return None;
            }
            self.rest = Some(ident.clone());
            return Some(ArgumentKind::Rest);
        }
        if helpers.kwargs.is_some() {
            self.by_name = Some(ident.clone());
            return Some(ArgumentKind::RestByName);
        }
        if let Some(default) = &helpers.default {
            if self.rest.is_none() {
                self.optional = Some(ident.clone());
            }
            return Some(ArgumentKind::Optional(match default {
                Some(expr) => Default::Expr(expr.clone()),
                None => Default::OfType,
            }));
        }
        if types::last_segment(&param.ty).is_some_and(|segment| segment.ident == "Option") {
            return Some(ArgumentKind::Optional(Default::OfType));
        }
        if let (Some(optional), None) = (&self.optional, &self.rest) {
            let message = format!("`{ident}` has no default but comes after `{optional}`, which has one");
            self.errors.at(ident, message);
            return None;
        }
        Some(ArgumentKind::Required)
    }
}

fn borrowed(reference: &syn::TypeReference) -> String {
    let owned = match &*reference.elem {
        Type::Path(path) if path.path.is_ident("str") => "String".to_owned(),
        Type::Path(path) if path.path.is_ident("Path") => "PathBuf".to_owned(),
        Type::Slice(slice) => format!("Vec<{}>", slice.elem.to_token_stream()),
        other => other.to_token_stream().to_string(),
    };
    format!(
        "an argument comes out of a message and cannot be borrowed: take `{owned}`, or mark shared state with `#[state]`"
    )
}
