//! The user's function, under its own name: traces and backtraces show it. It is an associated function so
//! that the name still means the task inside the body.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::Model;

pub(super) fn expand(model: &Model) -> TokenStream {
    let Model { body_attrs, signature, body, .. } = model;
    quote! {
        struct __TaskqBody;

        impl __TaskqBody {
            // Arguments come out of a message, so they are owned; `async` chooses where the task runs.
            #[allow(clippy::missing_const_for_fn, clippy::needless_pass_by_value, clippy::unused_async)]
            #(#body_attrs)*
            #signature #body
        }
    }
}
