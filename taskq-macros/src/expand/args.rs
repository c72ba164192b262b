//! The struct of the arguments: read from a list or from names, written as Python's `args` and `kwargs`.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Ident, Path, spanned::Spanned};

use crate::model::{Argument, ArgumentKind, Default, Model};

pub(super) fn expand(model: &Model, facade: &Path) -> TokenStream {
    let serde = quote!(#facade::private::serde).to_string().replace(' ', "");
    let fields = model.arguments().map(|argument| field(model, argument));
    let defaults = model.arguments().filter_map(|argument| default(model, argument));
    let positional = positional(&format_ident!("__TaskqArgs"), model.arguments());
    quote! {
        #[doc(hidden)]
        #[allow(unreachable_pub, missing_docs, missing_debug_implementations)]
        #[derive(__taskq::serde::Deserialize)]
        #[serde(crate = #serde)]
        pub struct __TaskqArgs {
            #(#fields),*
        }

        #(#defaults)*
        #positional
    }
}

fn field(model: &Model, argument: &Argument) -> TokenStream {
    let Argument { ident, ty, serde, .. } = argument;
    let default = match &argument.kind {
        ArgumentKind::Optional(Default::OfType) => Some(quote!(#[serde(default)])),
        ArgumentKind::Optional(Default::Expr(_)) => {
            let function = default_function(model, ident).to_string();
            Some(quote!(#[serde(default = #function)]))
        }
        ArgumentKind::Required | ArgumentKind::Rest | ArgumentKind::RestByName => None,
    };
    quote!(#(#serde)* #default #ident: #ty)
}

/// The function behind `#[default = expr]`.
fn default(model: &Model, argument: &Argument) -> Option<TokenStream> {
    let ArgumentKind::Optional(Default::Expr(expr)) = &argument.kind else { return None };
    let function = default_function(model, &argument.ident);
    let ty = &argument.ty;
    Some(quote_spanned! {expr.span()=>
        #[allow(unused_qualifications, clippy::all, clippy::pedantic)]
        fn #function() -> #ty {
            #expr
        }
    })
}

fn default_function(model: &Model, argument: &Ident) -> Ident {
    format_ident!("__taskq_{}_{}", model.ident, argument)
}

/// `Serialize`: the list of positional arguments.
fn positional<'a>(owner: &Ident, arguments: impl Iterator<Item = &'a Argument>) -> TokenStream {
    let writes = arguments.filter(|argument| !argument.by_name).filter_map(|argument| {
        let ident = &argument.ident;
        match argument.kind {
            ArgumentKind::RestByName => None,
            ArgumentKind::Rest => Some(quote! {
                for each in &self.#ident {
                    list.serialize_element(each)?;
                }
            }),
            ArgumentKind::Required | ArgumentKind::Optional(_) => {
                let element = element(argument, &quote!(self));
                Some(quote!(list.serialize_element(#element)?;))
            }
        }
    });
    quote! {
        #[automatically_derived]
        impl __taskq::serde::Serialize for #owner {
            fn serialize<S>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error>
            where
                S: __taskq::serde::Serializer,
            {
                #[allow(unused_imports)]
                use __taskq::serde::ser::SerializeSeq as _;
                #[allow(unused_mut)]
                let mut list = serializer.serialize_seq(::core::option::Option::None)?;
                #(#writes)*
                list.end()
            }
        }
    }
}

/// `Task::encode`, for tasks with arguments that can be given by name only.
pub(super) fn encode(model: &Model) -> Option<TokenStream> {
    let by_name = by_name(&format_ident!("__TaskqArgs"), model.arguments())?;
    Some(quote! {
        fn encode(
            args: &Self::Args,
        ) -> ::core::result::Result<
            (__taskq::bytes::Bytes, __taskq::bytes::Bytes),
            __taskq::taskq_core::codec::CodecError,
        > {
            #by_name

            ::core::result::Result::Ok((
                __taskq::taskq_core::codec::json::to_bytes(args)?,
                __taskq::taskq_core::codec::json::to_bytes(&ByName(args))?,
            ))
        }
    })
}

/// The struct of all arguments but the first, and how it is written.
pub(super) fn rest(model: &Model) -> TokenStream {
    let owner = format_ident!("__TaskqRest");
    let rest = || model.arguments().skip(1);
    let fields = rest().map(|Argument { ident, ty, .. }| quote!(#ident: #ty));
    let positional = positional(&owner, rest());
    let (by_name, named) = match by_name(&owner, rest()) {
        Some(by_name) => (by_name, quote!(__taskq::taskq_core::codec::json::to_bytes(&ByName(self))?)),
        None => (TokenStream::new(), quote!(__taskq::bytes::Bytes::from_static(b"{}"))),
    };
    quote! {
        #[allow(clippy::all, clippy::pedantic)]
        struct #owner {
            #(#fields),*
        }

        #positional

        impl #owner {
            fn encode(
                &self,
            ) -> ::core::result::Result<
                (__taskq::bytes::Bytes, __taskq::bytes::Bytes),
                __taskq::taskq_core::codec::CodecError,
            > {
                #by_name

                ::core::result::Result::Ok((__taskq::taskq_core::codec::json::to_bytes(self)?, #named))
            }
        }
    }
}

/// A struct `ByName` that writes the arguments which can be given by name only, if there are any.
fn by_name<'a>(owner: &Ident, arguments: impl Iterator<Item = &'a Argument>) -> Option<TokenStream> {
    let by_name =
        |argument: &&Argument| argument.by_name || matches!(argument.kind, ArgumentKind::RestByName);
    let writes: Vec<TokenStream> = arguments
        .filter(by_name)
        .map(|argument| {
            let Argument { ident, name, .. } = argument;
            match argument.kind {
                ArgumentKind::RestByName => quote! {
                    for (name, value) in &self.0.#ident {
                        map.serialize_entry(name, value)?;
                    }
                },
                _ => {
                    let element = element(argument, &quote!(self.0));
                    quote!(map.serialize_entry(#name, #element)?;)
                }
            }
        })
        .collect();
    (!writes.is_empty()).then(|| {
        quote! {
            struct ByName<'a>(&'a #owner);

            impl __taskq::serde::Serialize for ByName<'_> {
                fn serialize<S>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error>
                where
                    S: __taskq::serde::Serializer,
                {
                    use __taskq::serde::ser::SerializeMap as _;
                    let mut map = serializer.serialize_map(::core::option::Option::None)?;
                    #(#writes)*
                    map.end()
                }
            }
        }
    })
}

/// A reference to what is written for an argument of `owner`.
fn element(argument: &Argument, owner: &TokenStream) -> TokenStream {
    let Argument { ident, ty, .. } = argument;
    let Some(function) = &argument.serialize_with else {
        return quote_spanned!(ty.span()=> &#owner.#ident);
    };
    let write = quote_spanned!(function.span()=> #function(self.0, serializer));
    let ty = ty.to_token_stream();
    quote! {&{
        struct Element<'a>(&'a #ty);

        impl __taskq::serde::Serialize for Element<'_> {
            fn serialize<S>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error>
            where
                S: __taskq::serde::Serializer,
            {
                #write
            }
        }

        Element(&#owner.#ident)
    }}
}
