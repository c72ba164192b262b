//! The checked task: everything that [`expand`](crate::expand) needs, and nothing that could still be wrong.

mod output;
mod param;
mod signature;
mod types;

use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Ident, Path, Signature, Type, Visibility};

use crate::{attrs::Options, errors::Errors, input::Function};

/// A task.
pub(crate) struct Model {
    pub(crate) vis: Visibility,
    pub(crate) ident: Ident,
    pub(crate) is_async: bool,
    /// Documentation and deprecation: they go to the unit value.
    pub(crate) value_attrs: Vec<Attribute>,
    /// All others: they stay on the function.
    pub(crate) body_attrs: Vec<Attribute>,
    /// The signature without the attributes of ours.
    pub(crate) signature: Signature,
    pub(crate) body: TokenStream,
    pub(crate) inputs: Vec<Input>,
    pub(crate) output: Output,
    pub(crate) options: Options,
}

/// A parameter of the function.
pub(crate) enum Input {
    /// `cx: &TaskContext`
    Context,
    /// `#[state] x: &T` or `#[state] x: Arc<T>`
    State { ty: Type, is_shared: bool },
    /// An argument of the call.
    Argument(Argument),
}

/// A parameter that travels.
pub(crate) struct Argument {
    pub(crate) ident: Ident,
    /// Its name on the wire.
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) kind: ArgumentKind,
    /// `#[serde(with = …)]` and the like, for reading it.
    pub(crate) serde: Vec<Attribute>,
    /// The function that writes it, when serde attributes name one.
    pub(crate) serialize_with: Option<Path>,
    /// Calls may give anything that converts into it: texts as `&str`, optional values without `Some`.
    pub(crate) converts: bool,
    /// Python can give it by name only: it stands after `#[args]`.
    pub(crate) by_name: bool,
}

/// What an argument takes.
pub(crate) enum ArgumentKind {
    Required,
    /// `Option<T>`, `#[default]` and `#[default = expr]`
    Optional(Default),
    /// `#[args]`
    Rest,
    /// `#[kwargs]`
    RestByName,
}

/// The value of an absent argument.
pub(crate) enum Default {
    /// That of its type.
    OfType,
    Expr(TokenStream),
}

/// What the function returns.
pub(crate) struct Output {
    pub(crate) ty: Type,
    /// It is written `Result<…>`, perhaps with a path before it.
    pub(crate) is_result: bool,
    /// Where mistakes are shown: the error type, if there is one.
    pub(crate) span: Span,
}

/// Beat sends it without arguments.
fn check_periodic(inputs: &[Input], options: &Options, errors: &mut Errors) {
    let required = inputs.iter().find_map(|input| match input {
        Input::Argument(argument) if matches!(argument.kind, ArgumentKind::Required) => Some(argument),
        _ => None,
    });
    if let (Some(option), Some(argument)) = (options.periodic(), required) {
        let message = format!(
            "`{option}` sends the task without arguments, and `{}` is required: give it `#[default]`, or add an \
             entry with arguments to the schedule",
            argument.name
        );
        errors.at(&argument.ident, message);
    }
}

impl Model {
    /// Checks the function; `None` when something in it is wrong.
    pub(crate) fn check(function: &Function, options: Options, errors: &mut Errors) -> Option<Self> {
        signature::check(&function.sig, errors);
        let inputs = param::check(&function.sig, options.bind, errors);
        let output = output::check(&function.sig.output, errors);
        check_periodic(inputs.as_deref().unwrap_or_default(), &options, errors);
        let (value_attrs, body_attrs) = function
            .attrs
            .iter()
            .cloned()
            .partition(|attr| attr.path().is_ident("doc") || attr.path().is_ident("deprecated"));
        Some(Self {
            vis: function.vis.clone(),
            ident: function.sig.ident.clone(),
            is_async: function.sig.asyncness.is_some(),
            value_attrs,
            body_attrs,
            signature: function.bare_signature(),
            body: function.body.clone(),
            inputs: inputs?,
            output: output?,
            options,
        })
    }

    /// Whether calls of the task are warned about.
    pub(crate) fn is_deprecated(&self) -> bool {
        self.value_attrs.iter().any(|attr| attr.path().is_ident("deprecated"))
    }

    /// The parameters that travel.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &Argument> + Clone {
        self.inputs.iter().filter_map(|input| match input {
            Input::Argument(argument) => Some(argument),
            Input::Context | Input::State { .. } => None,
        })
    }
}
