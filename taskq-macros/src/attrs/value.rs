//! Values of options: literals are checked here, any other expression by the compiler in the generated
//! constant. All readers have one shape, so that the table of names can hold them.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, ExprLit, Ident, Lit, LitStr};

use super::{Value, duration};

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

/// `Duration`
pub(super) fn duration(value: &Value, key: &Ident) -> syn::Result<Checked> {
    let expr = value.expr(key, "\"30s\"")?;
    let length = match (string(expr), number(expr)) {
        (Some(text), _) => duration::from_text(&text.value()),
        (None, Some(seconds)) => duration::from_seconds(seconds),
        (None, None) if is_literal(expr) => {
            return wrong(expr, format!("`{key}` takes a duration: `\"30s\"`"));
        }
        (None, None) => return Ok(Checked::new(expr.to_token_stream())),
    };
    let length = length.or_else(|message| wrong(expr, message))?;
    let (seconds, nanos) = (length.as_secs(), length.subsec_nanos());
    let mut checked = Checked::new(quote!(::core::time::Duration::new(#seconds, #nanos)));
    checked.length = Some(length);
    Ok(checked)
}

/// `Option<Duration>` above zero.
pub(super) fn some_duration(value: &Value, key: &Ident) -> syn::Result<Checked> {
    let checked = duration(value, key)?;
    match checked.length {
        Some(Duration::ZERO) => {
            wrong(value.expr(key, "\"30s\"")?, format!("`{key}` must be longer than zero"))
        }
        _ => Ok(checked.some()),
    }
}

/// `Option<Duration>`: the factor of the backoff, 1 s when only named.
pub(super) fn backoff(value: &Value, key: &Ident) -> syn::Result<Checked> {
    if let Value::Expr(expr) = value
        && !matches!(literal(expr), Some(Lit::Bool(_)))
    {
        return some_duration(value, key);
    }
    let mut checked = flag(value, key)?;
    checked.tokens = match checked.off {
        true => quote!(::core::option::Option::None),
        false => quote!(::core::option::Option::Some(::core::time::Duration::from_secs(1))),
    };
    Ok(checked)
}

/// `Option<RateLimit>`: `"10/s"`, `"100/m"`, `"2/h"`, or a number per second.
pub(super) fn rate_limit(value: &Value, key: &Ident) -> syn::Result<Checked> {
    const EXPECTED: &str =
        "`rate_limit` takes `\"10/s\"`, `\"100/m\"`, `\"2/h\"`, or a number per second above zero";
    let expr = value.expr(key, "\"10/s\"")?;
    let (count, seconds) = match string(expr) {
        Some(text) => {
            let text = text.value();
            let (count, unit) = text.split_once('/').unwrap_or((&text, "s"));
            let seconds = match unit.trim() {
                "s" => Some(1_u64),
                "m" => Some(60),
                "h" => Some(3600),
                _ => None,
            };
            (count.trim().parse::<f64>().ok(), seconds)
        }
        None if is_literal(expr) => (number(expr), Some(1)),
        None => return Ok(Checked::new(expr.to_token_stream()).some()),
    };
    match (count.filter(|count| count.is_finite() && *count > 0.0), seconds) {
        (Some(count), Some(seconds)) => Ok(Checked::new(quote! {
            __taskq::taskq_core::task::RateLimit::new(#count, ::core::time::Duration::from_secs(#seconds))
        })
        .some()),
        _ => wrong(expr, EXPECTED),
    }
}

/// `Option<Serializer>`
pub(super) fn serializer(value: &Value, key: &Ident) -> syn::Result<Checked> {
    let variant = match choice(value, key, "json")?.as_str() {
        "json" => quote!(Json),
        "msgpack" => quote!(Msgpack),
        "yaml" => quote!(Yaml),
        "pickle" => {
            return wrong(value.expr(key, "")?, "pickle is refused: it runs whatever code a message carries");
        }
        _ => return wrong(value.expr(key, "")?, "`serializer` is one of `json`, `msgpack`, `yaml`"),
    };
    Ok(Checked::new(quote!(__taskq::taskq_core::codec::Serializer::#variant)).some())
}

/// `Option<DeliveryMode>`
pub(super) fn delivery_mode(value: &Value, key: &Ident) -> syn::Result<Checked> {
    let variant = match choice(value, key, "transient")?.as_str() {
        "transient" | "1" => quote!(Transient),
        "persistent" | "2" => quote!(Persistent),
        _ => return wrong(value.expr(key, "")?, "`delivery_mode` is `transient` or `persistent`"),
    };
    Ok(Checked::new(quote!(__taskq::taskq_core::protocol::DeliveryMode::#variant)).some())
}

/// `Option<&'static str>`, one of the compressions.
pub(super) fn compression(value: &Value, key: &Ident) -> syn::Result<Checked> {
    match choice(value, key, "zstd")?.as_str() {
        "zlib" | "gzip" | "bzip2" | "lzma" | "brotli" | "zstd" => some_text(value, key),
        _ => wrong(value.expr(key, "")?, "`compression` is one of `zlib`, `bzip2`, `lzma`, `brotli`, `zstd`"),
    }
}

/// The text of a string or number literal; anything else is passed to the caller's "one of" message.
fn choice(value: &Value, key: &Ident, example: &str) -> syn::Result<String> {
    let expr = value.expr(key, &format!("\"{example}\""))?;
    Ok(match literal(expr) {
        Some(Lit::Str(text)) => text.value(),
        Some(Lit::Int(int)) => int.base10_digits().to_owned(),
        _ => String::new(),
    })
}
