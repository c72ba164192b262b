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

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(options: &str, item: &str) -> String {
        let tokens = |text: &str| text.parse::<TokenStream>().expect("tokens");
        expand_task(tokens(options), tokens(item)).to_string()
    }

    #[test]
    fn a_right_task_has_no_error_in_it() {
        let code = expand("bind, queue = \"q\"", "async fn add(cx: &TaskContext, x: i64) -> i64 { x }");
        assert!(code.contains("struct add") && !code.contains("compile_error"), "{code}");
    }

    #[test]
    fn nonsense_is_an_error_and_never_a_panic() {
        let function = "fn add(x: i64) -> i64 { x }";
        for options in ["=", "queue =", "retry_on(,)", "retry_on(<)", "crate = 3", ":: a", "bind bind", "1"] {
            assert!(expand(options, function).contains("compile_error"), "{options}");
        }
        let items = [
            "",
            "fn",
            "fn add",
            "pub async",
            "fn add(x) {}",
            "fn add(self) {}",
            "fn add(#[serde] x: i64) {}",
            "fn add(#[serde(with = 3)] x: i64) {}",
            "fn add(#[state] #[args] #[kwargs] x: i64) {}",
            "mod tasks {}",
            "async move { }",
        ];
        for item in items {
            assert!(expand("", item).contains("compile_error"), "{item}");
        }
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let code = expand("color = 1, priority = 12", "unsafe fn add(x: &str, _: i64) -> impl Sized {}");
        assert_eq!(code.matches("compile_error").count(), 6, "{code}");
    }

    #[test]
    fn the_function_outlives_its_mistakes() {
        let code = expand("color = 1", "fn add(#[default] x: i64) -> i64 { x }");
        assert!(code.contains("fn add (x : i64)"), "{code}");
    }
}
