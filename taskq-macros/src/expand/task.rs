//! `impl Task`, and its entry in the registry of linked tasks.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;

use super::args;
use crate::model::{ArgumentKind, Input, Model};

pub(super) fn expand(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let function = ident.unraw().to_string();
    let name = match &model.options.name {
        Some(name) => name.clone(),
        None => quote!(__taskq::taskq_core::__task_name!(#function)),
    };
    let params = model.arguments().map(|argument| {
        let name = &argument.name;
        let kind = match argument.kind {
            ArgumentKind::Required => quote!(Required),
            ArgumentKind::Optional(_) => quote!(Optional),
            ArgumentKind::Rest => quote!(Rest),
            ArgumentKind::RestByName => quote!(RestByName),
        };
        quote!(__taskq::taskq_core::protocol::Param {
            name: #name,
            kind: __taskq::taskq_core::protocol::ParamKind::#kind,
        })
    });
    let states = model.inputs.iter().filter_map(|input| match input {
        Input::State { ty, .. } => Some(quote!(__taskq::taskq_core::task::StateKey::of::<#ty>())),
        Input::Context | Input::Argument(_) => None,
    });
    let kind = if model.is_async { quote!(Async) } else { quote!(Blocking) };
    let options = options(model);
    let output = output(model);
    let checked_output = check_output(model);
    let encode = args::encode(model);
    let call = call(model);
    quote! {
        #checked_output

        #[automatically_derived]
        #[allow(clippy::all, clippy::pedantic)]
        impl __taskq::taskq_core::task::Task for #ident {
            type Args = __TaskqArgs;
            type Output = #output;
            const NAME: &'static str = #name;
            const PARAMS: &'static [__taskq::taskq_core::protocol::Param] = &[#(#params),*];
            const KIND: __taskq::taskq_core::task::TaskKind = __taskq::taskq_core::task::TaskKind::#kind;
            const OPTIONS: __taskq::taskq_core::task::TaskOptions = #options;
            const STATES: &'static [__taskq::taskq_core::task::StateKey] = &[#(#states),*];

            #encode
            #call
        }

        __taskq::inventory::submit! {
            __taskq::taskq_core::task::TaskDef::of::<#ident>()
                .at(::core::concat!(::core::file!(), ":", ::core::line!()))
        }
    }
}

fn options(model: &Model) -> TokenStream {
    let settings = model.options.settings.iter().map(|setting| {
        let (key, value) = (&setting.key, &setting.value);
        quote!(#key: #value,)
    });
    let lists = [("retry_on", model.options.retry_matcher()), ("throws", model.options.throws.matcher())];
    let lists = lists.into_iter().filter_map(|(key, matcher)| {
        let key = quote::format_ident!("{key}");
        matcher.map(|matcher| {
            quote! {
                #key: ::core::option::Option::Some({
                    #[allow(unused_parens, unused_variables, clippy::nonminimal_bool)]
                    fn matches(failure: &__taskq::taskq_core::task::Failure) -> bool {
                        #matcher
                    }
                    matches
                }),
            }
        })
    });
    quote!(__taskq::taskq_core::task::TaskOptions {
        #(#settings)*
        #(#lists)*
        ..__taskq::taskq_core::task::TaskOptions::DEFAULT
    })
}

/// The type of the value a successful run returns.
fn output(model: &Model) -> TokenStream {
    let ty = &model.output.ty;
    match model.output.is_result {
        true => quote!(<#ty as __taskq::taskq_core::task::convert::TaskResult>::Output),
        false => quote!(#ty),
    }
}

/// A `Result` under another name would be stored as a success, whatever is in it.
fn check_output(model: &Model) -> Option<TokenStream> {
    let ty = &model.output.ty;
    (!model.output.is_result).then(|| {
        quote_spanned! {model.output.span=>
            #[allow(unused_qualifications)]
            const _: () = {
                #[allow(unused_imports)]
                use __taskq::taskq_core::task::convert::NoResult as _;
                ::core::assert!(
                    !__taskq::taskq_core::task::convert::Returned::<#ty>::IS_RESULT,
                    "this is a `Result` under another name: write the return type as `Result<…>`"
                );
            };
        }
    })
}

fn call(model: &Model) -> TokenStream {
    let ident = &model.ident;
    let inputs = model.inputs.iter().map(|input| match input {
        Input::Context => quote!(&cx),
        Input::State { ty, is_shared: true } => {
            quote!(__taskq::taskq_core::task::convert::shared_state::<#ty>(&cx)?)
        }
        Input::State { ty, is_shared: false } => {
            quote!(__taskq::taskq_core::task::convert::state::<#ty>(&cx)?)
        }
        Input::Argument(argument) => {
            let field = &argument.ident;
            quote!(args.#field)
        }
    });
    let awaited = model.is_async.then(|| quote!(.await));
    let returned = quote_spanned!(ident.span()=> __TaskqBody::#ident(#(#inputs),*) #awaited);
    let result = match model.output.is_result {
        false => quote!(::core::result::Result::Ok(#returned)),
        true => {
            let convert = quote_spanned!(model.output.span=> (&&&&Raised::by(&error)).kind().convert(error));
            quote! {
                #[allow(unused_imports)]
                use __taskq::taskq_core::task::convert::{
                    Raised, TaskResult as _,
                    kinds::{PlainKind as _, TextKind as _, UnknownKind as _, WrapperKind as _},
                };
                match (#returned).into_result() {
                    ::core::result::Result::Ok(value) => ::core::result::Result::Ok(value),
                    ::core::result::Result::Err(error) => ::core::result::Result::Err(#convert),
                }
            }
        }
    };
    quote! {
        #[allow(unused_variables)]
        async fn call(
            args: Self::Args,
            cx: __taskq::taskq_core::task::TaskContext,
        ) -> ::core::result::Result<Self::Output, __taskq::taskq_core::task::TaskError> {
            #result
        }
    }
}
