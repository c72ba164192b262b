//! Values with a fixed set of names.

use quote::quote;
use syn::{Ident, Lit};

use super::{Checked, Value, literal, some_text, wrong};

/// `Option<Serializer>`
pub(in crate::attrs) fn serializer(value: &Value, key: &Ident) -> syn::Result<Checked> {
    let variant = match choice(value, key, "json")?.as_str() {
        "json" => quote!(Json),
        "msgpack" => quote!(Msgpack),
        "yaml" => quote!(Yaml),
        "auth" => quote!(Auth),
        "pickle" => {
            return wrong(value.expr(key, "")?, "pickle is refused: it runs whatever code a message carries");
        }
        _ => return wrong(value.expr(key, "")?, "`serializer` is one of `json`, `msgpack`, `yaml`, `auth`"),
    };
    Ok(Checked::new(quote!(__taskq::taskq_core::codec::Serializer::#variant)).some())
}

/// `Option<DeliveryMode>`
pub(in crate::attrs) fn delivery_mode(value: &Value, key: &Ident) -> syn::Result<Checked> {
    let variant = match choice(value, key, "transient")?.as_str() {
        "transient" | "1" => quote!(Transient),
        "persistent" | "2" => quote!(Persistent),
        _ => return wrong(value.expr(key, "")?, "`delivery_mode` is `transient` or `persistent`"),
    };
    Ok(Checked::new(quote!(__taskq::taskq_core::protocol::DeliveryMode::#variant)).some())
}

/// `RateScope`
pub(in crate::attrs) fn rate_scope(value: &Value, key: &Ident) -> syn::Result<Checked> {
    let variant = match choice(value, key, "cluster")?.as_str() {
        "worker" => quote!(Worker),
        "cluster" => quote!(Cluster),
        _ => return wrong(value.expr(key, "")?, "`rate_limit_scope` is `worker` or `cluster`"),
    };
    Ok(Checked::new(quote!(__taskq::taskq_core::task::RateScope::#variant)))
}

/// `Option<&'static str>`, one of the compressions.
pub(in crate::attrs) fn compression(value: &Value, key: &Ident) -> syn::Result<Checked> {
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
