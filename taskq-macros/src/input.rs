//! The function as written. Its body stays tokens: mistakes in it are the compiler's to report, and editors
//! can complete half-written ones.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::{
    Attribute, FnArg, Signature, Visibility,
    parse::{ParseStream, Parser},
    token,
};

/// Attributes on parameters that belong to `#[task]`; every other one stays on the function.
const HELPERS: [&str; 6] = ["state", "default", "args", "kwargs", "serde", "doc"];

/// A function under `#[task]`.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// With its braces.
    pub(crate) body: TokenStream,
}

impl Function {
    pub(crate) fn read(item: TokenStream) -> syn::Result<Self> {
        let whole = item.clone();
        let parse = |input: ParseStream<'_>| {
            let attrs = input.call(Attribute::parse_outer)?;
            let vis: Visibility = input.parse()?;
            if !is_function(input) {
                return Err(syn::Error::new_spanned(&whole, "`#[task]` goes on a function"));
            }
            let sig = input.parse()?;
            if !input.peek(token::Brace) {
                return Err(input.error("a task needs a body"));
            }
            Ok(Self { attrs, vis, sig, body: input.parse()? })
        };
        parse.parse2(item)
    }

    /// The function as an ordinary one, for when it cannot become a task.
    pub(crate) fn without_helpers(&self) -> TokenStream {
        let Self { attrs, vis, body, .. } = self;
        let mut sig = self.sig.clone();
        for input in &mut sig.inputs {
            if let FnArg::Typed(param) = input {
                param.attrs.clear(); // a misspelt one is reported already
            }
        }
        quote!(#(#attrs)* #[allow(dead_code)] #vis #sig #body)
    }

    /// Its signature without the attributes that only `#[task]` understands.
    pub(crate) fn bare_signature(&self) -> Signature {
        let mut sig = self.sig.clone();
        for input in &mut sig.inputs {
            if let FnArg::Typed(param) = input {
                param.attrs.retain(|attr| !is_helper(attr));
            }
        }
        sig
    }
}

/// Whether the attribute of a parameter belongs to `#[task]`.
pub(crate) fn is_helper(attr: &Attribute) -> bool {
    HELPERS.iter().any(|name| attr.path().is_ident(name))
}

/// Whether what follows is a function, perhaps written wrong, rather than another item.
fn is_function(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    std::iter::repeat_with(|| ahead.parse::<TokenTree>())
        .map_while(Result::ok)
        .take_while(|token| matches!(token, TokenTree::Ident(_) | TokenTree::Literal(_)))
        .any(|token| token.to_string() == "fn")
}
