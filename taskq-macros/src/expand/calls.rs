//! The typed calls: `add.delay(2, 3)`, `add.s(2, 3)`, `add.with().queue("low").delay(2, 3)`.
//!
//! Only what depends on the parameters is generated; the options of `with()` are methods of a type of the
//! core, which reaches the generated ones through `Deref`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Ident, Type};

use super::args;
use crate::model::{ArgumentKind, Model};

pub(super) fn expand(model: &Model) -> TokenStream {
    let Model { ident, vis, .. } = model;
    let of_task = methods(model, &quote!(<__TaskqCalls as ::core::default::Default>::default().prepared));
    let of_calls = methods(model, &quote!(self.prepared));
    let from_tuples = from_tuples(model);
    let rest = takes_result(model).then(|| args::rest(model));
    quote! {
        #[allow(clippy::all, clippy::pedantic)]
        impl #ident {
            #of_task

            /// Options of the call first, its arguments last:
            /// `task.with().queue("low").countdown(delay).delay(…)`. Celery: `apply_async`.
            #vis fn with(&self) -> __taskq::taskq_core::send::With<Self> {
                __taskq::taskq_core::send::With::new()
            }
        }

        #[doc(hidden)]
        #[allow(unreachable_pub, missing_docs)]
        #[derive(::core::fmt::Debug, ::core::default::Default)]
        pub struct __TaskqCalls {
            prepared: __taskq::taskq_core::send::Prepared,
        }

        #[allow(clippy::all, clippy::pedantic)]
        impl __TaskqCalls {
            #of_calls
        }

        #[automatically_derived]
        impl ::core::convert::AsMut<__taskq::taskq_core::send::Prepared> for __TaskqCalls {
            fn as_mut(&mut self) -> &mut __taskq::taskq_core::send::Prepared {
                &mut self.prepared
            }
        }

        #[automatically_derived]
        impl __taskq::taskq_core::send::Typed for #ident {
            type Calls = __TaskqCalls;
        }

        #from_tuples
        #rest
    }
}

/// Whether the result of another task can be its first argument.
fn takes_result(model: &Model) -> bool {
    model.arguments().next().is_some_and(|first| {
        !first.by_name && matches!(first.kind, ArgumentKind::Required | ArgumentKind::Optional(_))
    })
}

/// `p`, on something prepared.
fn partial(
    model: &Model,
    prepared: &TokenStream,
    params: &[TokenStream],
    fields: &[TokenStream],
) -> TokenStream {
    let Model { ident, vis, .. } = model;
    let Some(first) = model.arguments().next().filter(|_| takes_result(model)) else {
        return TokenStream::new();
    };
    let (first, p) = (&first.ty, Ident::new("p", ident.span()));
    let (params, fields) = (params.iter().skip(1), fields.iter().skip(1));
    quote! {
        /// A call whose first argument is the result of the task it follows: `fetch.s(url) | count.p(word)`.
        #vis fn #p(
            &self,
            #(#params),*
        ) -> __taskq::taskq_core::canvas::Partial<#first, <#ident as __taskq::taskq_core::task::Task>::Output> {
            #prepared.partial::<#ident, #first>(__TaskqRest { #(#fields),* }.encode())
        }
    }
}

/// `delay`, `s`, `si`, `p` and `delay_many`, on something prepared.
fn methods(model: &Model, prepared: &TokenStream) -> TokenStream {
    let Model { ident, vis, .. } = model;
    let (mut params, mut fields) = (Vec::new(), Vec::new());
    for argument in model.arguments() {
        let (name, ty) = (&argument.ident, &argument.ty);
        if argument.converts {
            params.push(quote!(#name: impl ::core::convert::Into<#ty>));
            fields.push(quote!(#name: ::core::convert::Into::into(#name)));
        } else {
            params.push(quote!(#name: #ty));
            fields.push(name.to_token_stream());
        }
    }
    // Mistakes in a call point at the function, not at the attribute.
    let [delay, s, si, delay_many] =
        ["delay", "s", "si", "delay_many"].map(|method| Ident::new(method, ident.span()));
    let partial = partial(model, prepared, &params, &fields);
    quote! {
        #partial

        /// Sends the task. Awaiting it gives the handle of its result, once the broker has stored the message.
        #vis fn #delay(&self, #(#params),*) -> __taskq::taskq_core::send::Call<#ident> {
            #prepared.call(__TaskqArgs { #(#fields),* })
        }

        /// A call that is not sent yet: to be sent later, or to follow another task, whose result is then put
        /// in front of its arguments.
        #vis fn #s(&self, #(#params),*) -> __taskq::taskq_core::send::Call<#ident> {
            #prepared.call(__TaskqArgs { #(#fields),* })
        }

        /// The same, but it does not take the result of the task it follows.
        #vis fn #si(&self, #(#params),*) -> __taskq::taskq_core::canvas::ImmutableCall<#ident> {
            __taskq::taskq_core::canvas::ImmutableCall::new(
                #prepared.call::<#ident>(__TaskqArgs { #(#fields),* }),
            )
        }

        /// Sends the task once for each tuple of arguments, in as few round trips as possible. The results are
        /// in the same order.
        #vis fn #delay_many<__TaskqMany>(
            &self,
            calls: __TaskqMany,
        ) -> __taskq::taskq_core::BoxFuture<
            'static,
            ::core::result::Result<
                ::std::vec::Vec<
                    __taskq::taskq_core::result::AsyncResult<
                        <#ident as __taskq::taskq_core::task::Task>::Output,
                    >,
                >,
                __taskq::taskq_core::Error,
            >,
        >
        where
            __TaskqMany: ::core::iter::IntoIterator<Item: ::core::convert::Into<__TaskqArgs>>,
        {
            #prepared.call_many::<#ident, __TaskqMany>(calls)
        }
    }
}

/// The arguments of one of many calls: a tuple, or the value itself where there is one parameter.
fn from_tuples(model: &Model) -> TokenStream {
    let names: Vec<&Ident> = model.arguments().map(|argument| &argument.ident).collect();
    let types: Vec<&Type> = model.arguments().map(|argument| &argument.ty).collect();
    let plain = match (&*names, &*types) {
        ([name], [ty]) => Some(quote! {
            #[automatically_derived]
            impl ::core::convert::From<#ty> for __TaskqArgs {
                fn from(#name: #ty) -> Self {
                    Self { #name }
                }
            }
        }),
        _ => None,
    };
    quote! {
        #[automatically_derived]
        impl ::core::convert::From<(#(#types,)*)> for __TaskqArgs {
            fn from((#(#names,)*): (#(#types,)*)) -> Self {
                Self { #(#names),* }
            }
        }

        #plain
    }
}
