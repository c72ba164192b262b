//! Names of settings: Celery's old ones, those that mean nothing here, and what a wrong one was meant to be.

use super::SETTINGS;

/// Names of Celery's settings that taskq accepts and gives no meaning: other stores' options, Python classes,
/// and what taskq does another way. `*` ends a prefix.
const WITHOUT_MEANING: &[&str] = &[
    "arangodb_*",
    "azureblockblob_*",
    "beat_scheduler",
    "broker_channel_error_retry",
    "broker_heartbeat_checkrate",
    "broker_pool_acquire_timeout",
    "broker_pool_limit",
    "cache_backend",
    "cache_backend_options",
    "cassandra_*",
    "cosmosdbsql_*",
    "couchbase_*",
    "database_*",
    "elasticsearch_*",
    "gcs_*",
    "imports",
    "include",
    "mongodb_*",
    "result_cache_max",
    "result_exchange",
    "result_exchange_type",
    "s3_*",
    "task_remote_tracebacks",
    "worker_agent",
    "worker_autoscaler",
    "worker_consumer",
    "worker_enable_prefetch_count_reduction",
    "worker_eta_task_limit",
    "worker_hijack_root_logger",
    "worker_log_datefmt",
    "worker_log_format",
    "worker_pool_putlocks",
    "worker_pool_start_method",
    "worker_redirect_stdouts",
    "worker_redirect_stdouts_level",
    "worker_task_log_datefmt",
    "worker_task_log_format",
    "worker_timer",
    "worker_timer_precision",
];

/// Old upper-case names whose new name is not what the rule in [`modern`] finds.
const RENAMED: &[(&str, &str)] = &[
    ("celery_eager_propagates_exceptions", "task_eager_propagates"),
    ("celery_max_cached_results", "result_cache_max"),
    ("celery_message_compression", "task_compression"),
    ("celery_result_dburi", "database_url"),
    ("celery_result_db_short_lived_sessions", "database_short_lived_sessions"),
    ("celery_result_db_tablenames", "database_table_names"),
    ("celery_result_engine_options", "database_engine_options"),
    ("celery_send_events", "worker_send_task_events"),
    ("celery_send_task_sent_event", "task_send_sent_event"),
    ("celery_task_result_expires", "result_expires"),
    ("celeryd_task_soft_time_limit", "task_soft_time_limit"),
    ("celeryd_task_time_limit", "task_time_limit"),
    ("celeryd_worker_lost_wait", "worker_lost_wait"),
];

/// What a name is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// A setting, under its own name.
    Setting(&'static str),
    /// One of Celery's that has no meaning here.
    WithoutMeaning(String),
    /// Nothing; perhaps this was meant.
    Unknown(Option<&'static str>),
}

/// Finds a setting by its name or by an old upper-case one.
pub(super) fn lookup(name: &str) -> Known {
    let modern = if name.bytes().any(|b| b.is_ascii_uppercase()) { modern(name) } else { None };
    let name = modern.as_deref().unwrap_or(name);
    if let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) {
        return Known::Setting(setting.name);
    }
    if has_no_meaning(name) {
        return Known::WithoutMeaning(name.to_owned());
    }
    Known::Unknown(nearest(name))
}

fn exists(name: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.name == name) || has_no_meaning(name)
}

fn has_no_meaning(name: &str) -> bool {
    WITHOUT_MEANING.iter().any(|known| match known.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *known,
    })
}

/// `CELERYD_CONCURRENCY` → `worker_concurrency`, `CELERY_ACKS_LATE` and `CELERY_TASK_ACKS_LATE` →
/// `task_acks_late`, `BROKER_URL` → `broker_url`.
fn modern(old: &str) -> Option<String> {
    let old = old.to_ascii_lowercase();
    if let Some((_, new)) = RENAMED.iter().find(|(name, _)| *name == old) {
        return Some((*new).to_owned());
    }
    let candidates: Vec<String> = if let Some(rest) = old.strip_prefix("celerybeat_") {
        vec![format!("beat_{rest}")]
    } else if let Some(rest) = old.strip_prefix("celeryd_") {
        vec![format!("worker_{rest}")]
    } else if let Some(rest) = old.strip_prefix("celery_") {
        vec![rest.to_owned(), format!("task_{rest}"), format!("worker_{rest}")]
    } else {
        vec![old]
    };
    candidates.into_iter().find(|name| exists(name))
}

/// The setting whose name is most like it, if one is.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    SETTINGS
        .iter()
        .map(|setting| (strsim::jaro_winkler(setting.name, &name), setting.name))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// The environment variable of a setting: `TASKQ_TASK_ACKS_LATE`.
pub fn environment_name(setting: &str) -> String {
    format!("TASKQ_{}", setting.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_names_find_the_new_ones() {
        for (old, new) in [
            ("CELERY_ACKS_LATE", "task_acks_late"),
            ("CELERY_TASK_ACKS_LATE", "task_acks_late"),
            ("CELERYD_CONCURRENCY", "worker_concurrency"),
            ("CELERYD_TASK_TIME_LIMIT", "task_time_limit"),
            ("BROKER_URL", "broker_url"),
            ("CELERY_RESULT_BACKEND", "result_backend"),
            ("CELERY_TASK_RESULT_EXPIRES", "result_expires"),
            ("CELERY_DISABLE_RATE_LIMITS", "worker_disable_rate_limits"),
            ("CELERYBEAT_SCHEDULE", "beat_schedule"),
            ("CELERY_TIMEZONE", "timezone"),
            ("CELERY_ACCEPT_CONTENT", "accept_content"),
        ] {
            assert_eq!(lookup(old), Known::Setting(new), "{old}");
        }
    }

    #[test]
    fn wrong_names_are_told_from_celerys() {
        assert_eq!(lookup("task_ack_late"), Known::Unknown(Some("task_acks_late")));
        assert_eq!(lookup("CELERY_ACK_LATE"), Known::Unknown(None));
        assert_eq!(lookup("xyzzy"), Known::Unknown(None));
        assert_eq!(lookup("s3_bucket"), Known::WithoutMeaning("s3_bucket".into()));
        assert_eq!(lookup("CELERYD_TIMER_PRECISION"), Known::WithoutMeaning("worker_timer_precision".into()));
    }
}
