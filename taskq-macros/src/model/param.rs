//! The parameters: context first, then state and arguments in any order.

mod helpers;

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
        check.bound(bind, params.first().copied());
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
    /// `bind` asks for `&TaskContext` first.
    fn bound(&mut self, bind: Span, first: Option<&PatType>) {
        const EXPECTED: &str = "`bind` gives the context to the first parameter: write `cx: &TaskContext`";
        match first {
            None => self.errors.push(syn::Error::new(bind, EXPECTED)),
            Some(first) if !types::is_context(&first.ty) => self.errors.at(&first.ty, EXPECTED),
            Some(_) => {}
        }
    }

    fn param(&mut self, param: &PatType, is_context: bool) -> Option<Input> {
        let ident = self.ident(param);
        let helpers = Helpers::read(&param.attrs, self.errors)?;
        if types::is_context(&param.ty) {
            return self.context(param, is_context, &helpers);
        }
        let ident = ident?;
        if helpers.state.is_some() {
            return self.state(param, &helpers);
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

    fn context(&mut self, param: &PatType, is_first_of_bound: bool, helpers: &Helpers) -> Option<Input> {
        if let Some(place) = helpers.any() {
            self.errors.at(place, "the context takes no attributes");
            return None;
        }
        if !is_first_of_bound {
            let message =
                "the context comes first, and with `bind`: `#[task(bind)] fn name(cx: &TaskContext, …)`";
            self.errors.at(&param.ty, message);
            return None;
        }
        match &*param.ty {
            Type::Reference(reference) if reference.mutability.is_none() && reference.lifetime.is_none() => {
                Some(Input::Context)
            }
            ty => {
                self.errors.at(ty, "the context is lent to the task: write `&TaskContext`");
                None
            }
        }
    }

    fn state(&mut self, param: &PatType, helpers: &Helpers) -> Option<Input> {
        if let Some(place) = helpers.other_than_state() {
            self.errors.at(place, "`#[state]` takes no other attribute: state does not travel");
            return None;
        }
        if let Some(ty) = types::only_argument(&param.ty, "Arc") {
            if let Type::TraitObject(object) = ty {
                let ty = object.to_token_stream();
                self.errors.at(&param.ty, format!("write `&Arc<{ty}>`, and give the app an `Arc<{ty}>`"));
                return None;
            }
            return Some(Input::State { ty: ty.clone(), is_shared: true });
        }
        let message = match &*param.ty {
            Type::Reference(reference) if reference.mutability.is_some() => {
                "state is shared by all runs: take `&T`, and put what changes behind a `Mutex`"
            }
            Type::Reference(reference) if reference.lifetime.is_some() => {
                "state is lent for one run: leave the lifetime out"
            }
            Type::Reference(reference) => match &*reference.elem {
                Type::TraitObject(_) => {
                    "state is looked up by type: keep an `Arc<dyn Trait>`, and take `&Arc<dyn Trait>`"
                }
                ty => match types::not_owned(ty) {
                    None => return Some(Input::State { ty: ty.clone(), is_shared: false }),
                    Some(_) => "state is owned by the app: a type without references and lifetimes",
                },
            },
            _ => "state is shared by all runs: take `&T` or `Arc<T>`",
        };
        self.errors.at(&param.ty, message);
        None
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
