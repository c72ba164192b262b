//! Lists of failures: `retry_on(io::Error, FetchError, "ValueError")`, `retry_on(_)`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Ident, LitStr, Token, Type,
    parse::{Parse, ParseStream, Parser},
    punctuated::Punctuated,
};

/// A list of failures; empty when the option is not given.
#[derive(Default)]
pub(crate) struct Failures {
    key: Option<Ident>,
    kinds: Vec<Failure>,
}

enum Failure {
    /// `_`
    Any(Token![_]),
    /// An error type.
    Type(Box<Type>),
    /// The name of an exception, for failures made without a Rust type.
    Name(LitStr),
}

impl Parse for Failure {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(Token![_]) {
            input.parse().map(Self::Any)
        } else if input.peek(LitStr) {
            input.parse().map(Self::Name)
        } else {
            input.parse().map(Box::new).map(Self::Type)
        }
    }
}

impl Failures {
    pub(super) fn read(key: &Ident, list: TokenStream) -> syn::Result<Self> {
        let kinds = Punctuated::<Failure, Token![,]>::parse_terminated.parse2(list)?;
        if kinds.is_empty() {
            return Err(syn::Error::new_spanned(key, format!("`{key}()` names no error type")));
        }
        if let Some(Failure::Any(any)) = kinds.iter().find(|kind| matches!(kind, Failure::Any(_))) {
            if kinds.len() > 1 {
                return Err(syn::Error::new_spanned(any, "`_` means every failure: leave the others out"));
            }
            if key == "dont_retry_on" {
                return Err(syn::Error::new_spanned(any, "`dont_retry_on(_)` would switch all retries off"));
            }
        }
        Ok(Self { key: Some(key.clone()), kinds: kinds.into_iter().collect() })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// A condition on `failure: &Failure`.
    pub(crate) fn matcher(&self) -> Option<TokenStream> {
        let conditions = self.kinds.iter().map(|kind| match kind {
            Failure::Any(_) => quote!(true),
            Failure::Type(error) => quote!(failure.is::<#error>()),
            Failure::Name(name) => quote!(failure.is_named(#name)),
        });
        (!self.is_empty()).then(|| quote!(#(#conditions)||*))
    }
}

/// The option's name: where mistakes about the whole list are shown.
impl ToTokens for Failures {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.key.to_tokens(tokens);
    }
}
