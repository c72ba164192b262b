//! State parameters.

use quote::ToTokens;
use syn::{PatType, Type};

use super::helpers::Helpers;
use crate::{
    errors::Errors,
    model::{Input, types},
};

/// `#[state] x: &T` or `#[state] x: Arc<T>`.
pub(super) fn check(param: &PatType, helpers: &Helpers, errors: &mut Errors) -> Option<Input> {
    if let Some(place) = helpers.other_than_state() {
        errors.at(place, "`#[state]` takes no other attribute: state does not travel");
        return None;
    }
    if let Some(ty) = types::only_argument(&param.ty, "Arc") {
        if let Type::TraitObject(object) = ty {
            let ty = object.to_token_stream();
            errors.at(&param.ty, format!("write `&Arc<{ty}>`, and give the app an `Arc<{ty}>`"));
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
    errors.at(&param.ty, message);
    None
}
