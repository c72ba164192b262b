//! The options in `#[task(…)]`: read, checked one by one, then against each other.

mod duration;
mod entry;
mod failures;
mod names;
mod value;

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Ident, Path, parse::Parser, punctuated::Punctuated};

use self::{
    entry::{Entry, Value},
    failures::Failures,
    names::Kind,
};
use crate::errors::Errors;

/// The options, each right by itself and with the others.
#[derive(Default)]
pub(crate) struct Options {
    /// Where `bind` stands.
    pub(crate) bind: Option<Span>,
    /// `name`: a `&'static str` expression.
    pub(crate) name: Option<TokenStream>,
    /// `crate`: how the user's crate calls the façade.
    pub(crate) facade: Option<Path>,
    /// Fields of `TaskOptions` with their values.
    pub(crate) settings: Vec<Setting>,
    /// `retry_on` and `dont_retry_on`.
    pub(crate) retry_on: Failures,
    pub(crate) dont_retry_on: Failures,
    /// `throws`
    pub(crate) throws: Failures,
}

/// A field of `TaskOptions` with its value.
pub(crate) struct Setting {
    pub(crate) key: Ident,
    pub(crate) value: TokenStream,
    /// The value, when it is a duration written as a literal.
    length: Option<Duration>,
    /// Switched on by its mere presence or an explicit value, not `= false`.
    on: bool,
}

impl Options {
    pub(crate) fn read(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        let parse = Punctuated::<Entry, syn::Token![,]>::parse_terminated;
        let Some(entries) = errors.keep(parse.parse2(tokens)) else { return options };
        let mut seen: Vec<Ident> = Vec::new();
        for entry in entries {
            if seen.contains(&entry.key) {
                errors.at(&entry.key, format!("option `{}` is given twice", entry.key));
                continue;
            }
            seen.push(entry.key.clone());
            let result = options.add(entry);
            errors.keep(result);
        }
        options.check_together(errors);
        options
    }

    fn add(&mut self, entry: Entry) -> syn::Result<()> {
        let Entry { key, value } = entry;
        match names::kind(&key)? {
            Kind::Bind => self.bind = value.flag(&key)?.is_on().then(|| key.span()),
            Kind::Name => self.name = Some(value.text(&key)?),
            Kind::Crate => self.facade = Some(value.path(&key)?),
            Kind::RetryOn => self.retry_on = value.failures(&key)?,
            Kind::DontRetryOn => self.dont_retry_on = value.failures(&key)?,
            Kind::Throws => self.throws = value.failures(&key)?,
            Kind::Setting(read) => {
                let value = read(&value, &key)?;
                self.settings.push(Setting {
                    on: value.is_on(),
                    length: value.length,
                    value: value.tokens,
                    key,
                });
            }
        }
        Ok(())
    }

    fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key == name)
    }

    fn check_together(&self, errors: &mut Errors) {
        let backoff = self.setting("retry_backoff").is_some_and(|backoff| backoff.on);
        for name in ["retry_backoff_max", "retry_jitter"] {
            if let Some(setting) = self.setting(name)
                && !backoff
            {
                errors.at(&setting.key, format!("`{name}` has no effect without `retry_backoff`"));
            }
        }
        let length = |name| self.setting(name).and_then(|setting| setting.length);
        if let (Some(soft), Some(hard)) = (self.setting("soft_time_limit"), length("time_limit"))
            && soft.length.is_some_and(|soft| soft >= hard)
        {
            errors.at(&soft.key, "`soft_time_limit` must be shorter than `time_limit`, or it never strikes");
        }
        if let (Some(_), Some(cron)) = (self.setting("every"), self.setting("cron")) {
            errors.at(
                &cron.key,
                "a task is sent by `every` or by `cron`: for both, add an entry to the schedule",
            );
        }
        if let (Some(tz), None) = (self.setting("tz"), self.setting("cron")) {
            errors.at(&tz.key, "`tz` has no effect without `cron`");
        }
        if !backoff && self.retry_on.is_empty() && !self.dont_retry_on.is_empty() {
            let place = &self.dont_retry_on;
            errors.at(place, "`dont_retry_on` has no effect without `retry_on` or `retry_backoff`");
        }
    }

    /// The option that makes it a periodic task.
    pub(crate) fn periodic(&self) -> Option<&Ident> {
        ["every", "cron"].into_iter().find_map(|name| self.setting(name)).map(|setting| &setting.key)
    }

    /// The `retry_on` field, when automatic retries are switched on by a list.
    pub(crate) fn retry_matcher(&self) -> Option<TokenStream> {
        let except = self.dont_retry_on.matcher();
        match (self.retry_on.matcher(), except) {
            (None, None) => None,
            (Some(on), None) => Some(on),
            (None, Some(except)) => Some(quote!(!(#except))),
            (Some(on), Some(except)) => Some(quote!((#on) && !(#except))),
        }
    }
}
