//! Values that are times, or so many in a time.

use std::time::Duration;

use quote::{ToTokens, quote};
use syn::{Ident, Lit};

use super::{Checked, Value, flag, is_literal, literal, number, string, wrong};
use crate::attrs::duration as literal_duration;

/// `Duration`
pub(in crate::attrs) fn duration(value: &Value, key: &Ident) -> syn::Result<Checked> {
    let expr = value.expr(key, "\"30s\"")?;
    let length = match (string(expr), number(expr)) {
        (Some(text), _) => literal_duration::from_text(&text.value()),
        (None, Some(seconds)) => literal_duration::from_seconds(seconds),
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
pub(in crate::attrs) fn some_duration(value: &Value, key: &Ident) -> syn::Result<Checked> {
    let checked = duration(value, key)?;
    match checked.length {
        Some(Duration::ZERO) => {
            wrong(value.expr(key, "\"30s\"")?, format!("`{key}` must be longer than zero"))
        }
        _ => Ok(checked.some()),
    }
}

/// `Option<Duration>`: the factor of the backoff, 1 s when only named.
pub(in crate::attrs) fn backoff(value: &Value, key: &Ident) -> syn::Result<Checked> {
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
pub(in crate::attrs) fn rate_limit(value: &Value, key: &Ident) -> syn::Result<Checked> {
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
