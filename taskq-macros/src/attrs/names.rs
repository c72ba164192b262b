//! Every option by name, and what to say about names that are none.

use syn::Ident;

use super::{
    entry::Value,
    value::{self, Checked},
};

type Read = fn(&Value, &Ident) -> syn::Result<Checked>;

/// What an option is.
pub(super) enum Kind {
    Bind,
    Name,
    Crate,
    RetryOn,
    DontRetryOn,
    Throws,
    /// A field of `TaskOptions`, and how its value is read.
    Setting(Read),
}

/// The fields of `TaskOptions`.
const SETTINGS: [(&str, Read); 34] = [
    ("queue", value::some_text),
    ("exchange", value::some_text),
    ("routing_key", value::some_text),
    ("priority", value::priority),
    ("delivery_mode", value::delivery_mode),
    ("serializer", value::serializer),
    ("compression", value::compression),
    ("expires", value::some_duration),
    ("max_retries", value::max_retries),
    ("default_retry_delay", value::duration),
    ("retry_backoff", value::backoff),
    ("retry_backoff_max", value::duration),
    ("retry_jitter", value::flag),
    ("rate_limit", value::rate_limit),
    ("rate_limit_scope", value::rate_scope),
    ("rate_limit_key", value::some_text),
    ("max_concurrency", value::at_least_one),
    ("time_limit", value::some_duration),
    ("soft_time_limit", value::some_duration),
    ("ignore_result", value::some_flag),
    ("store_errors_even_if_ignored", value::some_flag),
    ("store_eager_result", value::some_flag),
    ("trail", value::flag),
    ("send_events", value::flag),
    ("track_started", value::some_flag),
    ("acks_late", value::some_flag),
    ("acks_on_failure", value::some_flag),
    ("acks_on_timeout", value::some_flag),
    ("reject_on_worker_lost", value::some_flag),
    ("retry_on_worker_lost", value::some_flag),
    ("resultrepr_maxsize", value::count),
    ("every", value::some_duration),
    ("cron", value::some_text),
    ("tz", value::some_text),
];

/// Celery's other names, and names that belong elsewhere.
const ELSEWHERE: [(&str, &str); 23] = [
    ("autoretry_for", "is called `retry_on(…)` here"),
    ("dont_autoretry_for", "is called `dont_retry_on(…)` here"),
    ("retry_kwargs", "is not needed: give `max_retries` and `default_retry_delay` themselves"),
    ("acks_on_failure_or_timeout", "is split in two: `acks_on_failure` and `acks_on_timeout`"),
    ("countdown", "belongs to a call: `task.with().countdown(…).delay(…)`"),
    ("eta", "belongs to a call: `task.with().eta(…).delay(…)`"),
    ("task_id", "belongs to a call: `task.with().task_id(…).delay(…)`"),
    ("link", "belongs to a call: `task.with().link(…).delay(…)`"),
    ("link_error", "belongs to a call: `task.with().link_error(…).delay(…)`"),
    ("headers", "belongs to a call: `task.with().header(…).delay(…)`"),
    ("retry", "belongs to a call; for automatic retries of the task see `retry_on(…)` and `retry_backoff`"),
    ("base", "has no counterpart: a task is a function; share code through `#[state]` or middleware"),
    ("typing", "is not needed: arguments are always checked"),
    ("pydantic", "is not needed: arguments are decoded into the parameters' types with serde"),
    ("backend", "is a setting of the app, not of a task"),
    ("shared", "is not needed: every `#[task]` that is linked is registered"),
    ("lazy", "is not needed: every `#[task]` that is linked is registered"),
    ("abstract", "has no counterpart: a task is a function"),
    ("shadow", "belongs to a call: `task.with().shadow(…).delay(…)`"),
    ("shadow_name", "has no counterpart: give `shadow` when calling"),
    ("exchange_type", "belongs to the settings: declare the queue in `task_queues`"),
    ("immediate", "is not supported: RabbitMQ removed it"),
    ("mandatory", "is not needed: publishing reports unroutable messages"),
];

/// What the option is.
pub(super) fn kind(key: &Ident) -> syn::Result<Kind> {
    let name = key.to_string();
    Ok(match name.as_str() {
        "bind" => Kind::Bind,
        "name" => Kind::Name,
        "crate" => Kind::Crate,
        "retry_on" => Kind::RetryOn,
        "dont_retry_on" => Kind::DontRetryOn,
        "throws" => Kind::Throws,
        name => match SETTINGS.iter().find(|(setting, _)| *setting == name) {
            Some((_, read)) => Kind::Setting(*read),
            None => return Err(syn::Error::new(key.span(), unknown(name))),
        },
    })
}

fn unknown(name: &str) -> String {
    if let Some((_, advice)) = ELSEWHERE.iter().find(|(other, _)| *other == name) {
        return format!("option `{name}` {advice}");
    }
    let known = ["bind", "name", "crate", "retry_on", "dont_retry_on", "throws"];
    let nearest = known
        .into_iter()
        .chain(SETTINGS.iter().map(|(name, _)| *name))
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .min();
    match nearest {
        Some((distance, known)) if distance <= known.len() / 3 + 1 => {
            format!("unknown option `{name}`: did you mean `{known}`?")
        }
        _ => format!("unknown option `{name}`: the options are listed in the documentation of `taskq::task`"),
    }
}
