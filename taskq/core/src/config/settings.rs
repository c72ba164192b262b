//! The table of settings. A row is a setting: text, name, type, default.
//!
//! Names, meanings and defaults are Celery's 5.7 unless the text says otherwise; the section `taskq` holds
//! the settings Celery does not have.

use std::{collections::BTreeMap, num::NonZeroU32, path::PathBuf, time::Duration};

use jiff::tz::TimeZone;

use super::{
    PoolKind, PrefetchKind, Queues, RedisPriority, Routes, Setting, Urls,
    kind::{Concurrency, Kind, Raw},
    load::Origins,
    schema::settings,
};
use crate::{
    broker::ExchangeKind,
    codec::{Map, Serializer, Value},
    protocol::{DeliveryMode, Protocol},
    task::RateLimit,
};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn json_only() -> Vec<String> {
    vec!["json".to_owned()]
}

settings! {
    general {
        /// Content types that are decoded, by name or MIME type. A message of another type goes to the dead letters.
        accept_content: Vec<String> = json_only();
        /// The same for results; none: as `accept_content`.
        result_accept_content: Option<Vec<String>> = None;
        /// Times on the wire are UTC. False only changes the zone that naive times are read in.
        enable_utc: bool = true;
        /// Zone of schedules and of times without an offset. None: UTC, or the machine's zone without `enable_utc`.
        timezone: Option<TimeZone> = None;
    }
    taskq {
        /// Longest time a call waits until its message is stored: connecting, flow control and confirmation included.
        publish_timeout: Duration = secs(2);
        /// How long a message stays a worker's without a sign of life. Renewed every third of it.
        lease: Duration = secs(30);
        /// A message delivered so often without an end goes to the dead letters; 0 is no limit.
        max_deliveries: u32 = 5;
        /// Keep what failed with its last retry used up as a dead letter (reason `retries-exhausted`), and with it the failure of each attempt.
        dead_letter_exhausted: bool = false;
        /// Keep what expired before it ran as a dead letter (reason `expired`).
        dead_letter_expired: bool = false;
        /// A worker that starts puts dead letters of unknown tasks back when it knows the task.
        dead_letter_hand_over: bool = true;
        /// A message whose worker or child process has died so often runs alone in a child process the next time, and goes to the dead letters if that dies, too; 0: it runs like any other.
        max_deaths: u32 = 2;
        /// Largest body, after decompression if it is compressed, in bytes. A larger one goes to the dead letters; so does one that inflates to more than 64 MiB and more than 1,100 times its size.
        max_body_size: u64 = 256 * 1024 * 1024;
        /// Give messages with `expires` the AMQP property `expiration` too, as Celery does: RabbitMQ then drops them without a trace.
        message_expiration: bool = false;
        /// Redis: record what this worker holds in kombu's `unacked` as well, so that Python workers alone can restore it when this one is dead. Costs throughput.
        redis_mirror_unacked: bool = false;
        /// Redis: `higher_first`, priority 9 goes first, as on every other broker; or `celery`, numbers as Celery has them there, 0 first.
        redis_priority: RedisPriority = RedisPriority::HigherFirst;
        /// Where schedules and the lease of the leading beat are kept. None: the broker's own server; with RabbitMQ the result backend's, or `sqlite:./taskq-schedule.db`.
        beat_store: Option<Urls> = None;
        /// Longest time a beat leads without a sign of life: so soon another takes over.
        beat_lease: Duration = secs(3);
        /// With the feature `otel`: the span of a run is linked to the span of its call instead of being its child.
        otel_span_links: bool = false;
        /// Names of arguments whose values are not shown in logs, events, `argsrepr`, `kwargsrepr` and what `result_extended` stores, at any depth: `password, token`.
        redact: Vec<String> = Vec::new();
        /// Longest time a warm shutdown waits for running tasks before it gives them back; none: until they end.
        worker_shutdown_timeout: Option<Duration> = None;
    }
    broker {
        /// Where messages go and come from; several addresses with `;` to fail over. Celery's default is RabbitMQ on this machine, taskq's needs no server.
        broker_url: Urls = Urls::constant("sqlite:./taskq.db");
        /// Address for consuming, if another.
        broker_read_url: Option<Urls> = None;
        /// Address for publishing, if another.
        broker_write_url: Option<Urls> = None;
        /// Scheme of the address that is made of `broker_host` and its kin.
        broker_transport: Option<String> = None;
        /// Host of an address in parts, for old configurations; `broker_url` wins.
        broker_host: Option<String> = None;
        /// Port of an address in parts.
        broker_port: Option<u16> = None;
        /// User of an address in parts.
        broker_user: Option<String> = None;
        /// Password of an address in parts.
        broker_password: Option<String> = None;
        /// Virtual host, or database, of an address in parts.
        broker_vhost: Option<String> = None;
        /// Options of the driver: `visibility_timeout`, `priority_steps`, `sep`, `global_keyprefix`, `confirm_publish`, …
        broker_transport_options: Map = Map::default();
        /// Longest time one attempt to connect may take.
        broker_connection_timeout: Duration = secs(4);
        /// Reconnect after a loss.
        broker_connection_retry: bool = true;
        /// Retry the first connection of a worker too; none: as `broker_connection_retry`.
        broker_connection_retry_on_startup: Option<bool> = None;
        /// Attempts to connect before a worker gives up; 0 or none: never.
        broker_connection_max_retries: Option<u32> = Some(100);
        /// `round-robin` or `shuffle` among several addresses; none: round robin.
        broker_failover_strategy: Option<String> = None;
        /// Interval of AMQP heartbeats; 0: none.
        broker_heartbeat: Option<Duration> = Some(secs(120));
        /// SASL method of AMQP: `PLAIN`, `AMQPLAIN`, `EXTERNAL`.
        broker_login_method: Option<String> = None;
        /// RabbitMQ's management API with its login, `http://guest:guest@host:15672/api/`: asked for what AMQP does not tell. Flower: `--broker-api`.
        broker_api: Option<Urls> = None;
        /// Type of the `celery_delayed_*` queues: `quorum` or `classic`.
        broker_native_delayed_delivery_queue_type: String = "quorum".to_owned();
        /// TLS: true, or a map with `keyfile`, `certfile`, `ca_certs`, `cert_reqs`.
        broker_use_ssl: Value = Value::Bool(false);
    }
    result {
        /// Where results go. None: in the same place as the messages for sqlite, memory and redis (Celery: nowhere); empty or `disabled://`: nowhere.
        result_backend: Option<Urls> = None;
        /// How long results are kept; 0 or none: for ever.
        result_expires: Option<Duration> = Some(secs(86_400));
        /// How long failures are kept; none: as `result_expires`.
        result_failure_expires: Option<Duration> = None;
        /// How long chord counters are kept; none: as `result_expires`.
        result_chord_expires: Option<Duration> = None;
        /// Store name, arguments, worker, retries and queue with the result.
        result_extended: bool = false;
        /// Format of results.
        result_serializer: Serializer = Serializer::Json;
        /// Compression of results.
        result_compression: Option<String> = None;
        /// Keep results that travel as messages over a restart of the broker.
        result_persistent: Option<bool> = None;
        /// Options of the backend: `global_keyprefix`, `result_chord_ordered`, `retry_policy`, `master_name`, …
        result_backend_transport_options: Map = Map::default();
        /// Retry storing a result when the backend fails in a way that may pass.
        result_backend_always_retry: bool = false;
        /// Attempts then; none: no limit.
        result_backend_max_retries: Option<u32> = None;
        /// First pause between these attempts, in milliseconds.
        result_backend_base_sleep_between_retries_ms: u64 = 10;
        /// Longest pause between these attempts, in milliseconds.
        result_backend_max_sleep_between_retries_ms: u64 = 10_000;
        /// Pause between looks of `celery.chord_unlock`.
        result_chord_retry_interval: Duration = secs(1);
        /// Longest wait for the results of a chord's header.
        result_chord_join_timeout: Duration = secs(3);
    }
    redis {
        /// Host of the result backend `redis`, when its address does not say.
        redis_host: Option<String> = None;
        /// Its port.
        redis_port: Option<u16> = None;
        /// Its database.
        redis_db: Option<u32> = None;
        /// Its user.
        redis_username: Option<String> = None;
        /// Its password.
        redis_password: Option<String> = None;
        /// TLS of the Redis backend: true, or a map as for `broker_use_ssl`.
        redis_backend_use_ssl: Value = Value::Null;
        /// Most connections to the Redis backend.
        redis_max_connections: Option<u32> = None;
        /// Longest time a command may take.
        redis_socket_timeout: Option<Duration> = Some(secs(120));
        /// Longest time a connection may take.
        redis_socket_connect_timeout: Option<Duration> = None;
        /// TCP keepalive.
        redis_socket_keepalive: bool = false;
        /// Retry a command that timed out.
        redis_retry_on_timeout: bool = false;
    }
    task {
        /// Acknowledge after the run, so that a crash loses nothing. taskq's default; Celery's is false.
        task_acks_late: bool = true;
        /// Acknowledge late-acked tasks that failed or timed out.
        task_acks_on_failure_or_timeout: bool = true;
        /// Acknowledge those that failed; none: as `task_acks_on_failure_or_timeout`.
        task_acks_on_failure: Option<bool> = None;
        /// Acknowledge those that hit their hard limit; none: as `task_acks_on_failure_or_timeout`.
        task_acks_on_timeout: Option<bool> = None;
        /// Requeue a late-acked task whose process died.
        task_reject_on_worker_lost: Option<bool> = None;
        /// Retry it instead, within its retries.
        task_retry_on_worker_lost: bool = false;
        /// Run tasks in the caller's process.
        task_always_eager: bool = false;
        /// `.delay()` of an eager task that fails returns the failure.
        task_eager_propagates: bool = false;
        /// Store results of eager tasks.
        task_store_eager_result: bool = false;
        /// Options to change by task name (`*` for all): rate and time limits, acknowledgement, results.
        task_annotations: BTreeMap<String, Map> = BTreeMap::new();
        /// Format of bodies.
        task_serializer: Serializer = Serializer::Json;
        /// Compression of bodies: `zlib`, `bzip2`, `lzma`, `brotli`, `zstd`.
        task_compression: Option<String> = None;
        /// Version of the message protocol.
        task_protocol: Protocol = Protocol::V2;
        /// Depth of argument texts in events.
        task_repr_maxlevels: u32 = 3;
        /// Where a task goes that no route names.
        task_default_queue: String = "celery".to_owned();
        /// Type of that queue: `classic` or `quorum`.
        task_default_queue_type: String = "classic".to_owned();
        /// Exchange of that queue; none: of the queue's name.
        task_default_exchange: Option<String> = None;
        /// Type of that exchange.
        task_default_exchange_type: ExchangeKind = ExchangeKind::Direct;
        /// Routing key of that queue; none: the queue's name.
        task_default_routing_key: Option<String> = None;
        /// Persistent or transient messages.
        task_default_delivery_mode: DeliveryMode = DeliveryMode::Persistent;
        /// Priority of tasks that name none, 0 to 9.
        task_default_priority: Option<u32> = None;
        /// Tasks sent by a task take over its priority.
        task_inherit_parent_priority: bool = false;
        /// Starts per time and worker of tasks that name no rate.
        task_default_rate_limit: Option<RateLimit> = None;
        /// Declared queues: a list of names or maps (`name`, `exchange`, `exchange_type`, `routing_key`, `arguments`, `max_priority`, or `broadcast`).
        task_queues: Option<Queues> = None;
        /// Highest priority of every queue (`x-max-priority`).
        task_queue_max_priority: Option<u32> = None;
        /// Create queues that are named but not declared.
        task_create_missing_queues: bool = true;
        /// Type of such queues: `classic` or `quorum`.
        task_create_missing_queue_type: String = "classic".to_owned();
        /// Exchange type of such queues; none: direct.
        task_create_missing_queue_exchange_type: Option<ExchangeKind> = None;
        /// Which task goes where: names, globs or expressions (`re:^proj`) to a queue or a map of options, in order.
        task_routes: Routes = Routes::default();
        /// Do not store results.
        task_ignore_result: bool = false;
        /// Store errors all the same.
        task_store_errors_even_if_ignored: bool = false;
        /// Store STARTED.
        task_track_started: bool = false;
        /// Repeat a publish that failed in a way that may pass, within `publish_timeout`.
        task_publish_retry: bool = true;
        /// Its pauses: `max_retries` 3, `interval_start` 0, `interval_step` 0.2, `interval_max` 1 (seconds).
        task_publish_retry_policy: Map = Map::default();
        /// Send the event `task-sent`.
        task_send_sent_event: bool = false;
        /// Soft limit of tasks that name none.
        task_soft_time_limit: Option<Duration> = None;
        /// Hard limit of tasks that name none.
        task_time_limit: Option<Duration> = None;
        /// An errback of a chord also follows every member of its header.
        task_allow_error_cb_on_chord_header: bool = false;
    }
    worker {
        /// How many tasks run at once; `auto`: the number of CPUs.
        worker_concurrency: Concurrency = Concurrency::Auto;
        /// At most so many at once out of a queue in each worker: `{heavy = 2}`; in text `heavy=2,slow=1`. Others go past those that wait.
        worker_queue_concurrency: BTreeMap<String, NonZeroU32> = BTreeMap::new();
        /// What runs them. Celery's default is `prefork`.
        worker_pool: PoolKind = PoolKind::Threads;
        /// How messages are taken: `adaptive`, for free slots and as much as they get done in 0.1 s; `slots`, for free slots only; `multiplier`, so many for each slot. None: `multiplier` where that number is set, else `adaptive`.
        worker_prefetch: Option<PrefetchKind> = None;
        /// Most bytes of messages that are taken and do not run yet. A larger message is taken alone.
        worker_prefetch_bytes: u64 = 64 * 1024 * 1024;
        /// Messages held per slot (Celery's default is 4); 0: no limit. None: 4 where `worker_prefetch` is `multiplier`.
        worker_prefetch_multiplier: Option<u32> = None;
        /// Take a message only for a free slot.
        worker_disable_prefetch: bool = false;
        /// Send task events (`-E`).
        worker_send_task_events: bool = false;
        /// Answer remote control.
        worker_enable_remote_control: bool = true;
        /// Do not apply rate limits.
        worker_disable_rate_limits: bool = false;
        /// A file that keeps revoked ids and the clock.
        worker_state_db: Option<PathBuf> = None;
        /// A queue of its own for each worker.
        worker_direct: bool = false;
        /// Replace a child process after so many tasks.
        worker_max_tasks_per_child: Option<u32> = None;
        /// Replace a child process that uses more, in KiB.
        worker_max_memory_per_child: Option<u64> = None;
        /// Allow the control command `pool_restart`.
        worker_pool_restarts: bool = false;
        /// Skip a redelivered message whose task has succeeded.
        worker_deduplicate_successful_tasks: bool = false;
        /// End late-acked tasks when the connection to the broker is lost.
        worker_cancel_long_running_tasks_on_connection_loss: bool = false;
        /// Grace before a cold shutdown.
        worker_soft_shutdown_timeout: Duration = Duration::ZERO;
        /// That grace also when nothing runs.
        worker_enable_soft_shutdown_on_idle: bool = false;
        /// Look for quorum queues and treat them as such.
        worker_detect_quorum_queues: bool = true;
        /// How long the result of a child that died is waited for.
        worker_lost_wait: Duration = secs(10);
        /// Longest time a child may take to start.
        worker_proc_alive_timeout: Duration = secs(4);
        /// Colours in the log; none: on a terminal.
        worker_log_color: Option<bool> = None;
    }
    beat {
        /// The entries: `task`, `schedule`, `args`, `kwargs`, `options`.
        beat_schedule: Map = Map::default();
        /// File of the last runs.
        beat_schedule_filename: PathBuf = "celerybeat-schedule".into();
        /// Longest sleep between looks; 0: 300 s.
        beat_max_loop_interval: Duration = Duration::ZERO;
        /// Write the file after so many sends; 0: every 3 minutes.
        beat_sync_every: u32 = 0;
        /// How late a missed run may still start; none: always.
        beat_cron_starting_deadline: Option<Duration> = None;
        /// A beat answers `inspect ping` as `celerybeat@<host>`.
        beat_enable_remote_control: bool = false;
        /// A beat that has not looked at its schedule for so long does not answer; 0: it always does; none: twice `beat_max_loop_interval`, 60 s at least.
        beat_remote_control_max_tick_age: Option<Duration> = None;
    }
    control {
        /// Prefix of the exchanges of remote control: `<prefix>.pidbox`.
        control_exchange: String = "celery".to_owned();
        /// How long control messages are kept.
        control_queue_ttl: Duration = secs(300);
        /// An idle control queue is removed after.
        control_queue_expires: Duration = secs(10);
        /// Exclusive control queues.
        control_queue_exclusive: bool = true;
        /// Durable control queues.
        control_queue_durable: bool = false;
    }
    event {
        /// The exchange of events.
        event_exchange: String = "celeryev".to_owned();
        /// Format of events.
        event_serializer: Serializer = Serializer::Json;
        /// Prefix of receivers' queues.
        event_queue_prefix: String = "celeryev".to_owned();
        /// How long events are kept for a receiver.
        event_queue_ttl: Duration = secs(5);
        /// A receiver's queue is removed after it is idle so long.
        event_queue_expires: Duration = secs(60);
        /// Exclusive receivers' queues.
        event_queue_exclusive: bool = true;
        /// Durable receivers' queues.
        event_queue_durable: bool = false;
    }
    security {
        /// Private key (a path) to sign messages with.
        security_key: Option<PathBuf> = None;
        /// Its password.
        security_key_password: Option<String> = None;
        /// Own certificate (a path).
        security_certificate: Option<PathBuf> = None;
        /// Trusted certificates (a glob).
        security_cert_store: Option<String> = None;
        /// Digest of signatures.
        security_digest: String = "sha256".to_owned();
    }
}
