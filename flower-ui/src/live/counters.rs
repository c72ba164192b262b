//! What Flower's metrics count, as Flower counts it.

/// A moment's counters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counters {
    /// `flower_events_total`: task events.
    pub events: Vec<EventCount>,
    /// `flower_task_runtime_seconds`.
    pub runtimes: Vec<RuntimeHistogram>,
    /// `flower_task_prefetch_time_seconds`.
    pub prefetch_times: Vec<PrefetchTime>,
    /// `flower_worker_prefetched_tasks`.
    pub prefetched: Vec<Prefetched>,
    /// `flower_worker_online`, by node name, as Flower counts: until the worker says goodbye.
    pub online: Vec<(String, bool)>,
    /// `flower_worker_number_of_currently_executing_tasks`, by node name: `active` of the last heartbeat.
    pub executing: Vec<(String, u64)>,
}

/// Events of one type, worker and task.
#[derive(Clone, Debug, PartialEq)]
pub struct EventCount {
    /// Who told: a node name, or `gen<pid>@<host>` for `task-sent`.
    pub worker: String,
    /// The type: `task-received`.
    pub kind: String,
    /// Name of the task, empty where it is not known.
    pub task: String,
    /// How many.
    pub count: u64,
    /// When the first came, in seconds since 1970.
    pub created: f64,
}

/// Run times of one task on one worker.
#[derive(Clone, Debug, PartialEq)]
pub struct RuntimeHistogram {
    /// Node name.
    pub worker: String,
    /// Name of the task.
    pub task: String,
    /// Upper bounds in seconds, ascending, without infinity, and how many ran no longer: cumulative.
    pub buckets: Vec<(f64, u64)>,
    /// How many in all.
    pub count: u64,
    /// Seconds in all.
    pub sum: f64,
    /// When the first came, in seconds since 1970.
    pub created: f64,
}

/// How long the last started task had waited in its worker.
#[derive(Clone, Debug, PartialEq)]
pub struct PrefetchTime {
    /// Node name.
    pub worker: String,
    /// Name of the task.
    pub task: String,
    /// In seconds; 0 once it ended.
    pub seconds: f64,
}

/// Tasks that a worker received and did not start yet, without those that have an eta.
#[derive(Clone, Debug, PartialEq)]
pub struct Prefetched {
    /// Node name.
    pub worker: String,
    /// Name of the task.
    pub task: String,
    /// How many.
    pub count: u64,
}
