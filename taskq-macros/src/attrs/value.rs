//! Values of options: literals are checked here, any other expression by the compiler in the generated
//! constant. All readers have one shape, so that the table of names can hold them.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, ExprLit, Ident, Lit, LitStr};

use super::Value;

mod choice;
mod time;

pub(super) use choice::{compression, delivery_mode, rate_scope, serializer};
pub(super) use time::{backoff, duration, rate_limit, some_duration};

/// A value that is right, as the expression of its field.
pub(super) struct Checked {
    pub(super) tokens: TokenStream,
    /// Of a literal duration.
    pub(super) length: Option<Duration>,
    off: bool,
}

impl Checked {
    fn new(tokens: TokenStream) -> Self {
        Self { tokens, length: None, off: false }
    }

    fn some(mut self) -> Self {
        let tokens = self.tokens;
        self.tokens = quote!(::core::option::Option::Some(#tokens));
        self
    }

    /// Not `= false`.
    pub(super) fn is_on(&self) -> bool {
        !self.off
    }
}

fn wrong<T>(place: impl ToTokens, message: impl std::fmt::Display) -> syn::Result<T> {
    Err(syn::Error::new_spanned(place, message))
}

fn literal(expr: &Expr) -> Option<&Lit> {
    match expr {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        Expr::Group(group) => literal(&group.expr),
        _ => None,
    }
}

/// The text of a string literal.
pub(super) fn string(expr: &Expr) -> Option<&LitStr> {
    match literal(expr) {
        Some(Lit::Str(text)) => Some(text),
        _ => None,
    }
}

/// A number literal, with its sign.
fn number(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Unary(unary) if matches!(unary.op, syn::UnOp::Neg(_)) => number(&unary.expr).map(|n| -n),
        expr => match literal(expr)? {
            Lit::Int(int) => int.base10_parse().ok(),
            Lit::Float(float) => float.base10_parse().ok(),
            _ => None,
        },
    }
}

/// Whether it is a literal of any kind, perhaps negative: then an unfit one is our mistake to report.
fn is_literal(expr: &Expr) -> bool {
    literal(expr).is_some() || number(expr).is_some()
}

/// `&'static str`
pub(super) fn text(value: &Value, key: &Ident) -> syn::Result<Checked> {
    let expr = value.expr(key, "\"…\"")?;
    match string(expr) {
        Some(text) if text.value().trim().is_empty() => wrong(text, format!("`{key}` must not be empty")),
        None if is_literal(expr) => wrong(expr, format!("`{key}` takes a text: `{key} = \"…\"`")),
        _ => Ok(Checked::new(expr.to_token_stream())),
    }
}

/// `Option<&'static str>`
pub(super) fn some_text(value: &Value, key: &Ident) -> syn::Result<Checked> {
    text(value, key).map(Checked::some)
}

/// `bool`: the bare name, or `= true` or `= false`.
pub(super) fn flag(value: &Value, key: &Ident) -> syn::Result<Checked> {
    let expr = match value {
        Value::Flag => return Ok(Checked::new(quote!(true))),
        value => value.expr(key, "true")?,
    };
    let mut checked = Checked::new(expr.to_token_stream());
    match literal(expr) {
        Some(Lit::Bool(literal)) => checked.off = !literal.value,
        None if !is_literal(expr) => {}
        _ => return wrong(expr, format!("`{key}` is a switch: write `{key}`, or `{key} = false`")),
    }
    Ok(checked)
}

/// `Option<bool>`
pub(super) fn some_flag(value: &Value, key: &Ident) -> syn::Result<Checked> {
    flag(value, key).map(Checked::some)
}

/// `usize`
pub(super) fn count(value: &Value, key: &Ident) -> syn::Result<Checked> {
    let expr = value.expr(key, "1024")?;
    match literal(expr) {
        Some(Lit::Int(int)) => int.base10_parse::<u32>().map(drop)?,
        None if !is_literal(expr) => {}
        _ => return wrong(expr, format!("`{key}` takes a whole number")),
    }
    Ok(Checked::new(expr.to_token_stream()))
}

/// `Option<u32>`, 1 or more.
pub(super) fn at_least_one(value: &Value, key: &Ident) -> syn::Result<Checked> {
    let expr = value.expr(key, "2")?;
    let says = format!("`{key}` takes a whole number, 1 or more");
    if is_literal(expr) {
        let fits =
            matches!(literal(expr), Some(Lit::Int(int)) if int.base10_parse::<u32>().is_ok_and(|n| n > 0));
        return match fits {
            true => Ok(Checked::new(expr.to_token_stream()).some()),
            false => wrong(expr, says),
        };
    }
    let checked = quote!({
        ::core::assert!(#expr > 0, #says);
        #expr
    });
    Ok(Checked::new(checked).some())
}

/// `Option<u8>`
pub(super) fn priority(value: &Value, key: &Ident) -> syn::Result<Checked> {
    let expr = value.expr(key, "5")?;
    if is_literal(expr) {
        let fits =
            matches!(literal(expr), Some(Lit::Int(int)) if int.base10_parse::<u8>().is_ok_and(|n| n <= 9));
        return match fits {
            true => Ok(Checked::new(expr.to_token_stream()).some()),
            false => wrong(expr, "`priority` goes from 0 to 9"),
        };
    }
    let checked = quote!({
        ::core::assert!(#expr <= 9, "`priority` goes from 0 to 9");
        #expr
    });
    Ok(Checked::new(checked).some())
}

/// `Option<u32>`: a number, or `None` or `"none"` for no limit.
pub(super) fn max_retries(value: &Value, key: &Ident) -> syn::Result<Checked> {
    let expr = value.expr(key, "5")?;
    let none = matches!(expr, Expr::Path(path) if path.path.is_ident("None"));
    if none || string(expr).is_some_and(|text| text.value() == "none") {
        return Ok(Checked::new(quote!(::core::option::Option::None)));
    }
    let fits = match literal(expr) {
        Some(Lit::Int(int)) => int.base10_parse::<u32>().is_ok(),
        _ => !is_literal(expr),
    };
    match fits {
        true => Ok(Checked::new(expr.to_token_stream()).some()),
        false => wrong(expr, "`max_retries` takes a number of retries, or `None` for no limit"),
    }
}
