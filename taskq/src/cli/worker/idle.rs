//! Settings that are read and checked and that nothing acts on yet: whoever sets one is told.

use taskq_core::config::{SETTINGS, Settings};

/// Sections of parts that are not part of taskq yet.
const SECTIONS: [&str; 2] = ["control", "event"];

/// The exceptions among them.
const IN_USE: [&str; 6] = [
    "control_exchange",
    "control_queue_exclusive",
    "control_queue_expires",
    "control_queue_ttl",
    "event_exchange",
    "event_serializer",
];

/// Single settings.
const NAMES: [&str; 22] = [
    "beat_max_loop_interval",
    "beat_schedule_filename",
    "beat_sync_every",
    "redis_max_connections",
    "redis_retry_on_timeout",
    "redis_socket_keepalive",
    "result_accept_content",
    "result_backend_always_retry",
    "result_backend_base_sleep_between_retries_ms",
    "result_backend_max_retries",
    "result_backend_max_sleep_between_retries_ms",
    "result_chord_expires",
    "result_chord_join_timeout",
    "result_chord_retry_interval",
    "task_allow_error_cb_on_chord_header",
    "task_repr_maxlevels",
    "worker_cancel_long_running_tasks_on_connection_loss",
    "worker_detect_quorum_queues",
    "worker_direct",
    "worker_enable_soft_shutdown_on_idle",
    "worker_log_color",
    "worker_lost_wait",
];

/// One that an option of the command line sets, too.
const BY_OPTION: [&str; 1] = ["worker_state_db"];

/// Logs one line that names them.
pub(super) fn tell(settings: &Settings) {
    let given = idle(settings);
    if !given.is_empty() {
        tracing::warn!("these settings have no effect yet: {}", given.join(", "));
    }
}

pub(in crate::cli) fn idle(settings: &Settings) -> Vec<&'static str> {
    let waits = |name: &str, section: &str| {
        NAMES.contains(&name)
            || BY_OPTION.contains(&name)
            || (SECTIONS.contains(&section) && !IN_USE.contains(&name))
    };
    SETTINGS
        .iter()
        .filter(|setting| waits(setting.name, setting.section) && settings.source(setting.name).is_some())
        .map(|setting| setting.name)
        .collect()
}

#[cfg(test)]
mod tests {
    use taskq_core::config::Sources;

    use super::*;

    #[test]
    fn only_what_was_set_is_named() {
        let sources = Sources::none().set("worker_direct", true).set("control_exchange", "other");
        let settings = sources.set("beat_sync_every", 3_i64).load().unwrap();
        assert_eq!(idle(&settings), ["worker_direct", "beat_sync_every"]);
        assert!(idle(&Settings::default()).is_empty());
    }

    #[test]
    fn the_names_exist() {
        for name in NAMES.iter().chain(&BY_OPTION).chain(&IN_USE) {
            assert!(Settings::knows(name), "{name}");
        }
    }
}
