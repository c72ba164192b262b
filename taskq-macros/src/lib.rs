//! The `#[task]` attribute of taskq; use it as `taskq::task`.
//!
//! Three steps, one module each: `attrs` and `input` read what the user wrote, `model` checks it and
//! keeps only what is right, `expand` writes the tokens and can no longer fail. Every mistake is collected,
//! so that one compile shows them all, each at its own place.

#![forbid(unsafe_code)]

mod attrs;
mod errors;
mod expand;
mod input;
mod model;

use proc_macro2::TokenStream;

use crate::{attrs::Options, errors::Errors, input::Function, model::Model};

// The documentation is `taskq/src/docs/task.md`: it stands on the façade's re-export, where its examples can
// name the façade and are compiled.
#[allow(missing_docs)]
#[proc_macro_attribute]
pub fn task(options: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand_task(options.into(), item.into()).into()
}

fn expand_task(options: TokenStream, item: TokenStream) -> TokenStream {
    let function = match Function::read(item) {
        Ok(function) => function,
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = Errors::default();
    let options = Options::read(options, &mut errors);
    let model = Model::check(&function, options, &mut errors);
    match (errors.finish(), model) {
        (None, Some(model)) => expand::expand(&model),
        // The function stays, so that the mistake does not breed "cannot find `add`" wherever it is used.
        (errors, _) => [errors, Some(function.without_helpers())].into_iter().flatten().collect(),
    }
}
