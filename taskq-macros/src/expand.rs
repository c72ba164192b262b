//! The tokens of a checked task.
//!
//! Everything but the unit value is in an anonymous constant, under names that start with `__taskq`, so that
//! nothing of it can be confused with names of the user's.

mod args;
mod body;
mod calls;
mod task;
mod value;

use proc_macro2::TokenStream;
use quote::quote;
use syn::Path;

use crate::model::Model;

pub(crate) fn expand(model: &Model) -> TokenStream {
    let facade = facade(model);
    let value = value::declaration(model);
    let parts = [
        body::expand(model),
        args::expand(model, &facade),
        value::implementations(model),
        task::expand(model),
        calls::expand(model),
    ];
    let allow = model.is_deprecated().then(|| quote!(#[allow(deprecated)]));
    quote! {
        #value

        #allow
        const _: () = {
            use #facade::private as __taskq;

            #(#parts)*
        };
    }
}

/// How the user's crate calls the façade.
fn facade(model: &Model) -> Path {
    model.options.facade.clone().unwrap_or_else(|| syn::parse_quote!(::taskq))
}
