//! The attributes of one parameter.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, LitStr, Meta, Path};

use crate::{errors::Errors, input};

/// Lint levels may stand on a parameter of any function.
const LINTS: [&str; 5] = ["allow", "expect", "warn", "deny", "forbid"];

/// The attributes of one parameter.
#[derive(Default)]
pub(super) struct Helpers {
    pub(super) state: Option<Attribute>,
    pub(super) args: Option<Attribute>,
    pub(super) kwargs: Option<Attribute>,
    /// `#[default]`, `#[default = expr]`
    pub(super) default: Option<Option<TokenStream>>,
    default_place: Option<Attribute>,
    /// As written; `rename` is in here too.
    pub(super) serde: Vec<Attribute>,
    pub(super) rename: Option<String>,
    pub(super) serialize_with: Option<Path>,
}

impl Helpers {
    pub(super) fn read(attrs: &[Attribute], errors: &mut Errors) -> Option<Self> {
        let mut helpers = Self::default();
        let mut right = true;
        for attr in attrs {
            let result = helpers.add(attr);
            right &= errors.keep(result).is_some();
        }
        let roles = [&helpers.state, &helpers.args, &helpers.kwargs, &helpers.default_place];
        if let [first, second, ..] = *roles.into_iter().flatten().collect::<Vec<_>>() {
            let (one, other) = (name(first), name(second));
            errors.at(second, format!("`#[{one}]` and `#[{other}]` exclude each other"));
            right = false;
        } else if let (Some(rest), Some(serde)) =
            (helpers.args.as_ref().or(helpers.kwargs.as_ref()), helpers.serde.first())
        {
            errors.at(
                serde,
                format!("`#[{}]` collects several arguments: `#[serde]` cannot apply to all", name(rest)),
            );
            right = false;
        }
        right.then_some(helpers)
    }

    fn add(&mut self, attr: &Attribute) -> syn::Result<()> {
        let path = attr.path();
        let slot = if path.is_ident("state") {
            &mut self.state
        } else if path.is_ident("args") {
            &mut self.args
        } else if path.is_ident("kwargs") {
            &mut self.kwargs
        } else if path.is_ident("default") {
            let default = match &attr.meta {
                Meta::Path(_) => None,
                Meta::NameValue(pair) => Some(default_value(&pair.value)),
                Meta::List(_) => return Err(syn::Error::new_spanned(attr, "write `#[default = value]`")),
            };
            self.default = Some(default);
            &mut self.default_place
        } else if path.is_ident("serde") {
            self.serde.push(attr.clone());
            return self.serde(attr);
        } else if input::is_helper(attr) || LINTS.iter().any(|lint| path.is_ident(lint)) {
            return Ok(());
        } else {
            let message = format!(
                "unknown attribute `{}`: a task's parameter takes `state`, `default`, `args`, `kwargs` and `serde`",
                path.to_token_stream()
            );
            return Err(syn::Error::new_spanned(path, message));
        };
        if let (false, Meta::List(_) | Meta::NameValue(_)) = (path.is_ident("default"), &attr.meta) {
            return Err(syn::Error::new_spanned(attr, format!("write `#[{}]`", name(attr))));
        }
        if slot.replace(attr.clone()).is_some() {
            return Err(syn::Error::new_spanned(attr, format!("`#[{}]` is given twice", name(attr))));
        }
        Ok(())
    }

    /// Takes out what we need to know; the attribute itself goes to serde.
    fn serde(&mut self, attr: &Attribute) -> syn::Result<()> {
        attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("with") {
                let module: Path = meta.value()?.parse::<LitStr>()?.parse()?;
                self.serialize_with = Some(syn::parse_quote!(#module::serialize));
            } else if meta.path.is_ident("serialize_with") {
                self.serialize_with = Some(meta.value()?.parse::<LitStr>()?.parse()?);
            } else if meta.path.is_ident("rename") {
                self.rename = Some(meta.value()?.parse::<LitStr>()?.value());
            } else if meta.path.is_ident("deserialize_with") {
                meta.value()?.parse::<syn::Expr>()?;
            } else if meta.path.is_ident("default") {
                return Err(meta.error("a default is given with `#[default]` or `#[default = value]`"));
            } else {
                return Err(meta.error(
                    "on a task's parameter serde takes `with`, `serialize_with`, `deserialize_with` and `rename`",
                ));
            }
            Ok(())
        })
    }

    /// Any of them.
    pub(super) fn any(&self) -> Option<&Attribute> {
        self.state.as_ref().or_else(|| self.other_than_state())
    }

    pub(super) fn other_than_state(&self) -> Option<&Attribute> {
        let slots = [&self.args, &self.kwargs, &self.default_place];
        slots.into_iter().flatten().next().or(self.serde.first())
    }
}

fn name(attr: &Attribute) -> String {
    attr.path().to_token_stream().to_string()
}

/// `#[default = "x"]` fits every type that is made from a text.
fn default_value(expr: &syn::Expr) -> TokenStream {
    match expr {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => {
            quote::quote_spanned!(text.span()=> ::core::convert::Into::into(#text))
        }
        expr => expr.to_token_stream(),
    }
}
