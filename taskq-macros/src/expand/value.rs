//! The unit value that takes the function's name, and stays callable: it dereferences to a function pointer.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};

use crate::model::{Input, Model};

pub(super) fn declaration(model: &Model) -> TokenStream {
    let Model { vis, ident, value_attrs, .. } = model;
    // `struct` has the span of the attribute: inside an `impl` block the compiler complains about this token.
    quote! {
        #(#value_attrs)*
        #[allow(non_camel_case_types, dead_code)]
        #vis struct #ident;
    }
}

pub(super) fn implementations(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let name = ident.to_string();
    let deref = deref(model);
    quote! {
        #[automatically_derived]
        impl ::core::clone::Clone for #ident {
            fn clone(&self) -> Self {
                *self
            }
        }

        #[automatically_derived]
        impl ::core::marker::Copy for #ident {}

        #[automatically_derived]
        impl ::core::fmt::Debug for #ident {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(#name)
            }
        }

        #deref
    }
}

/// `add(2, 3)`: a call of the function itself, in this process, without a message.
fn deref(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let output = &model.output.ty;
    let (mut names, mut types, mut lends) = (Vec::new(), Vec::new(), false);
    for (at, input) in model.inputs.iter().enumerate() {
        names.push(format_ident!("__{at}"));
        types.push(match input {
            Input::Argument(argument) => {
                let ty = &argument.ty;
                quote!(#ty)
            }
            Input::Context => {
                lends = true;
                quote!(&'a __taskq::taskq_core::task::TaskContext)
            }
            Input::State { ty, is_shared: true } => quote!(::std::sync::Arc<#ty>),
            Input::State { ty, is_shared: false } => {
                lends = true;
                quote!(&'a #ty)
            }
        });
    }
    let (binder, generics, life) = match lends {
        true => (quote!(for<'a>), quote!(<'a>), quote!('a)),
        false => (quote!(), quote!(), quote!('static)),
    };
    let (output, call) = match model.is_async {
        true => (
            quote!(__taskq::taskq_core::BoxFuture<#life, #output>),
            quote_spanned!(ident.span()=> ::std::boxed::Box::pin(__TaskqBody::#ident(#(#names),*))),
        ),
        false => (quote!(#output), quote!(__TaskqBody::#ident(#(#names),*))),
    };
    quote! {
        #[automatically_derived]
        impl ::core::ops::Deref for #ident {
            type Target = #binder fn(#(#types),*) -> #output;

            fn deref(&self) -> &Self::Target {
                #[allow(clippy::all, clippy::pedantic)]
                fn direct #generics (#(#names: #types),*) -> #output {
                    #call
                }
                const DIRECT: #binder fn(#(#types),*) -> #output = direct;
                &DIRECT
            }
        }
    }
}
