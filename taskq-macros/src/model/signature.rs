//! What a task's signature may not have: everything that Python could not call.

use syn::{FnArg, Safety, Signature};

use crate::errors::Errors;

pub(super) fn check(sig: &Signature, errors: &mut Errors) {
    if let Some(token) = &sig.constness {
        errors.at(token, "a task cannot be `const`: it runs in a worker");
    }
    if let Safety::Unsafe(token) = &sig.safety {
        errors.at(token, "a task cannot be `unsafe`: its callers are in other processes");
    }
    if let Some(abi) = &sig.abi {
        errors.at(abi, "a task cannot be `extern`: it is called by name, not by symbol");
    }
    if let Some(variadic) = &sig.variadic {
        errors.at(variadic, "a task cannot be variadic: take `#[args] rest: Vec<T>`");
    }
    if !sig.generics.params.is_empty() {
        let message = "a task cannot be generic: the worker has to know its types; write one task per type";
        errors.at(&sig.generics, message);
    } else if let Some(clause) = &sig.generics.where_clause {
        errors.at(clause, "a task cannot have a `where` clause");
    }
    if let Some(FnArg::Receiver(receiver)) = sig.inputs.first() {
        errors.at(
            receiver,
            "a task cannot be a method: move it out of the `impl` block, and take shared values as `#[state] name: &T`",
        );
    }
}
