//! One option: `key`, `key = value`, or `key(list)`.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    Expr, Ident, Path, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream},
    token,
};

use super::{
    failures::Failures,
    value::{self, Checked},
};

/// One option.
pub(super) struct Entry {
    pub(super) key: Ident,
    pub(super) value: Value,
}

/// What stands after the key.
pub(super) enum Value {
    /// Nothing.
    Flag,
    /// `= value`
    Expr(Expr),
    /// `(…)`
    List(TokenStream),
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error("expected the name of an option, such as `queue = \"high\"`"));
        }
        let key = Ident::parse_any(input)?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Value::Expr(input.parse()?)
        } else if input.peek(token::Paren) {
            let list;
            syn::parenthesized!(list in input);
            Value::List(list.parse()?)
        } else if input.is_empty() || input.peek(Token![,]) {
            Value::Flag
        } else {
            return Err(input.error(format!("expected `,`, `=` or `(` after option `{key}`")));
        };
        Ok(Self { key, value })
    }
}

impl Value {
    /// `key = value`, or the error that says so.
    pub(super) fn expr(&self, key: &Ident, example: &str) -> syn::Result<&Expr> {
        match self {
            Self::Expr(expr) => Ok(expr),
            Self::Flag | Self::List(_) => {
                Err(syn::Error::new_spanned(key, format!("write `{key} = {example}`")))
            }
        }
    }

    pub(super) fn flag(&self, key: &Ident) -> syn::Result<Checked> {
        value::flag(self, key)
    }

    pub(super) fn text(&self, key: &Ident) -> syn::Result<TokenStream> {
        value::text(self, key).map(|text| text.tokens)
    }

    /// `= path` or `= "path"`
    pub(super) fn path(&self, key: &Ident) -> syn::Result<Path> {
        let expr = self.expr(key, "path::to::taskq")?;
        if let Some(text) = value::string(expr) {
            return text.parse();
        }
        syn::parse2(expr.to_token_stream()).map_err(|_| syn::Error::new_spanned(expr, "expected a path"))
    }

    pub(super) fn failures(&self, key: &Ident) -> syn::Result<Failures> {
        match self {
            Self::List(list) => Failures::read(key, list.clone()),
            Self::Flag | Self::Expr(_) => Err(syn::Error::new_spanned(
                key,
                format!("write a list of error types: `{key}(std::io::Error, FetchError)`"),
            )),
        }
    }
}
