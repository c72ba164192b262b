//! What can be told of a type from its tokens.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    GenericArgument, Lifetime, PathArguments, PathSegment, Type, TypeImplTrait, TypeInfer, TypeReference,
    visit_mut::{self, VisitMut},
};

/// `a::b::C<D>` → `C<D>`.
pub(super) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

/// The `T` of `Name<T>`.
pub(super) fn only_argument<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let segment = last_segment(ty).filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(ty)) if arguments.args.len() == 1 => Some(ty),
        _ => None,
    }
}

/// The `E` of `Result<T, E>`.
pub(super) fn second_argument(ty: &Type) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &last_segment(ty)?.arguments else { return None };
    match arguments.args.iter().nth(1) {
        Some(GenericArgument::Type(ty)) => Some(ty),
        _ => None,
    }
}

/// Whether it is `TaskContext` or a reference to it.
pub(super) fn is_context(ty: &Type) -> bool {
    match ty {
        Type::Reference(reference) => is_context(&reference.elem),
        ty => last_segment(ty).is_some_and(|segment| segment.ident == "TaskContext"),
    }
}

/// The first part of the type that cannot be owned by a message, and what it is.
pub(super) fn not_owned(ty: &Type) -> Option<(TokenStream, &'static str)> {
    let mut search = NotOwned(None);
    search.visit_type_mut(&mut ty.clone());
    search.0
}

/// The `T` of a `Result<T, …>`, or the type itself.
pub(super) fn only_ok(ty: &Type) -> &Type {
    let Some(segment) = last_segment(ty).filter(|segment| segment.ident == "Result") else { return ty };
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return ty };
    match arguments.args.first() {
        Some(GenericArgument::Type(ty)) => ty,
        _ => ty,
    }
}

/// The first reference in the type, whatever its lifetime.
pub(super) fn static_reference(ty: &Type) -> Option<TokenStream> {
    struct Search(Option<TokenStream>);
    impl VisitMut for Search {
        fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
            self.0.get_or_insert_with(|| reference.to_token_stream());
        }
    }
    let mut search = Search(None);
    search.visit_type_mut(&mut ty.clone());
    search.0
}

struct NotOwned(Option<(TokenStream, &'static str)>);

impl NotOwned {
    fn found(&mut self, place: impl ToTokens, what: &'static str) {
        self.0.get_or_insert_with(|| (place.to_token_stream(), what));
    }
}

impl VisitMut for NotOwned {
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        match &reference.lifetime {
            Some(lifetime) if lifetime.ident == "static" => {} // the error of a `Result` may be one
            _ => self.found(reference, "a reference"),
        }
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident != "static" {
            self.found(lifetime, "a borrow");
        }
    }

    fn visit_type_impl_trait_mut(&mut self, opaque: &mut TypeImplTrait) {
        self.found(opaque, "`impl Trait`");
    }

    fn visit_type_infer_mut(&mut self, infer: &mut TypeInfer) {
        self.found(infer, "`_`");
    }

    fn visit_type_mut(&mut self, ty: &mut Type) {
        if self.0.is_none() {
            visit_mut::visit_type_mut(self, ty);
        }
    }
}
