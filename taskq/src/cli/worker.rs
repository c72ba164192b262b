//! `worker`: runs tasks until it is told to stop.

pub(super) mod idle;
mod later;
mod restart;
mod run;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use self::later::Later;
use super::{Failure, Session, setting_flag::SettingFlag};
use crate::telemetry::{LogFormat, LogLevel};

const STOPPING: &str = "\
SIGTERM or Ctrl-C stops it when the running tasks are done; a second one gives them back to their
queues, a third one waits for nothing. SIGHUP: it stops like that and starts again.";

/// Run tasks
#[derive(Args, Debug)]
#[command(after_help = STOPPING)]
pub(crate) struct Worker {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(flatten)]
    pub(crate) logs: LogArgs,
    #[command(flatten)]
    later: Later,

    /// Settings, such as `-- result_expires=1h task_track_started=true`
    #[arg(last = true, value_name = "SETTING=VALUE")]
    settings: Vec<String>,
}

/// What `worker` and `dev` share.
#[derive(Args, Debug, Default)]
pub(crate) struct Options {
    /// Node name; `%h` is the host, `%d` its domain, `%n` the part before `@`
    #[arg(short = 'n', long, value_name = "NAME")]
    pub(crate) hostname: Option<String>,

    /// Queues to consume, with commas; default: `task_queues`, or the default queue
    #[arg(short = 'Q', long, value_name = "QUEUES", value_delimiter = ',')]
    pub(crate) queues: Vec<String>,

    /// Queues not to consume, with commas
    #[arg(short = 'X', long, value_name = "QUEUES", value_delimiter = ',')]
    pub(crate) exclude_queues: Vec<String>,

    /// How many tasks run at once; default: one for each CPU
    #[arg(short = 'c', long, value_name = "N|auto")]
    concurrency: Option<String>,

    /// At most so many at once out of a queue, such as `heavy=2,slow=1`; others go past those that wait
    #[arg(long, value_name = "QUEUE=N,…")]
    queue_concurrency: Option<String>,

    /// Where tasks run: `threads` (async tasks on the runtime, others on threads), `processes` (children of this
    /// program, which hard limits and `terminate` kill) or `solo` (one at a time)
    #[arg(short = 'P', long, value_name = "POOL")]
    pool: Option<String>,

    /// As many tasks at once as there is work, between MIN (default 1) and MAX
    #[arg(long, value_name = "MAX,MIN", value_delimiter = ',', num_args = 1, conflicts_with = "concurrency")]
    autoscale: Vec<usize>,

    /// Replace a child of `-P processes` after so many tasks
    #[arg(long, value_name = "N", visible_alias = "maxtasksperchild")]
    max_tasks_per_child: Option<u32>,

    /// Replace a child of `-P processes` that uses more memory than this
    #[arg(long, value_name = "KIB", visible_alias = "maxmemperchild")]
    max_memory_per_child: Option<u64>,

    /// Messages taken for each task that may run at once; 0 is no limit [default: as much as gets done in 0.1 s]
    #[arg(long, value_name = "N")]
    prefetch_multiplier: Option<u32>,

    /// Take a message only when a task can start
    #[arg(long)]
    disable_prefetch: bool,

    /// End a task after this many seconds
    #[arg(long, value_name = "SECONDS")]
    time_limit: Option<String>,

    /// Tell a task after this many seconds that it should end
    #[arg(long, value_name = "SECONDS")]
    soft_time_limit: Option<String>,

    /// Send events for monitors
    #[arg(short = 'E', long, visible_aliases = ["events"])]
    task_events: bool,

    /// Run a beat in this process, too; any number of them may run
    #[arg(short = 'B', long)]
    pub(crate) beat: bool,

    /// Answer `/live`, `/ready` and `/metrics` there, such as `127.0.0.1:9808`
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<std::net::SocketAddr>,

    /// Empty the queues first
    #[arg(long, visible_alias = "discard")]
    pub(crate) purge: bool,

    /// Celery's option: taskq hands tasks out fairly in any case
    #[arg(short = 'O', long, value_enum, hide_possible_values = true, hide = true)]
    optimization: Option<Optimization>,

    /// Accepted for Celery's sake
    #[arg(long, hide = true)]
    without_gossip: bool,

    /// Do not ask other workers at the start what was revoked
    #[arg(long)]
    without_mingle: bool,

    /// Do not tell monitors every two seconds that it is alive
    #[arg(long)]
    without_heartbeat: bool,

    /// Tell monitors so often that it is alive [default: 2]
    #[arg(long, value_name = "SECONDS")]
    heartbeat_interval: Option<f64>,

    /// Accepted for Celery's sake: tasks are compiled into this program
    #[arg(short = 'I', long, value_name = "MODULES", hide = true)]
    include: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Optimization {
    Default,
    Fair,
}

/// How a worker logs.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Logging")]
pub(crate) struct LogArgs {
    /// DEBUG, INFO, WARNING, ERROR, CRITICAL, or a filter such as `taskq_worker=debug,info` [default: INFO]
    #[arg(short = 'l', long, value_name = "LEVEL")]
    pub(crate) loglevel: Option<LogLevel>,

    /// `text` for people or `json` for machines
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        env = "TASKQ_LOG_FORMAT",
        hide_env = true
    )]
    pub(crate) log_format: LogFormat,

    /// Append to this file instead of standard error
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) logfile: Option<PathBuf>,
}

impl Worker {
    /// The settings that the options stand for, the ones after `--` last.
    ///
    /// # Errors
    /// When an option is not offered, or what follows `--` is no setting.
    pub(crate) fn flags(&self) -> Result<Vec<SettingFlag>, Failure> {
        self.later.refuse()?;
        let mut flags = self.options.flags();
        for pair in &self.settings {
            flags.push(SettingFlag::parse(pair)?);
        }
        Ok(flags)
    }
}

impl Worker {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        self.options.run(session).await
    }
}

impl Options {
    /// The settings that the options stand for.
    pub(crate) fn flags(&self) -> Vec<SettingFlag> {
        let number = |n: u32| n.to_string();
        let yes = |given: bool| given.then(|| "true".to_owned());
        let given = [
            ("--concurrency", "worker_concurrency", self.concurrency.clone()),
            ("--queue-concurrency", "worker_queue_concurrency", self.queue_concurrency.clone()),
            ("--pool", "worker_pool", self.pool.clone()),
            ("--prefetch-multiplier", "worker_prefetch_multiplier", self.prefetch_multiplier.map(number)),
            ("--disable-prefetch", "worker_disable_prefetch", yes(self.disable_prefetch)),
            ("--max-tasks-per-child", "worker_max_tasks_per_child", self.max_tasks_per_child.map(number)),
            (
                "--max-memory-per-child",
                "worker_max_memory_per_child",
                self.max_memory_per_child.map(|most| most.to_string()),
            ),
            ("--time-limit", "task_time_limit", self.time_limit.clone()),
            ("--soft-time-limit", "task_soft_time_limit", self.soft_time_limit.clone()),
            ("--task-events", "worker_send_task_events", yes(self.task_events)),
        ];
        given.into_iter().filter_map(|(flag, name, text)| Some(SettingFlag::new(flag, name, text?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{
        super::{Cli, Command},
        *,
    };

    fn parse(line: &str) -> Worker {
        match Cli::try_parse_from(line.split(' ')).unwrap().command {
            Command::Worker(worker) => *worker,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn celerys_command_line_is_read() {
        let worker = parse(
            "proj -A proj worker -l INFO -n w1@%h -c 8 -P threads -Q high,low -X slow -O fair -E --without-gossip \
             --without-mingle --without-heartbeat --prefetch-multiplier 1 --time-limit 30 --soft-time-limit 25 \
             -- result_expires=1h",
        );
        assert_eq!(worker.options.queues, ["high", "low"]);
        let flags = worker.flags().unwrap();
        let settings: Vec<_> = flags.iter().map(|flag| (flag.name.as_str(), flag.text.as_str())).collect();
        let expected = [
            ("worker_concurrency", "8"),
            ("worker_pool", "threads"),
            ("worker_prefetch_multiplier", "1"),
            ("task_time_limit", "30"),
            ("task_soft_time_limit", "25"),
            ("worker_send_task_events", "true"),
            ("result_expires", "1h"),
        ];
        assert_eq!(settings, expected);
    }

    #[test]
    fn what_is_not_there_yet_is_refused_by_name() {
        assert_eq!(parse("proj worker --autoscale 10,2").options.autoscale, [10, 2]);
        let error = parse("proj worker -D").flags().unwrap_err();
        let text = error.render(super::super::style::Style::PLAIN);
        assert!(text.contains("`--detach`") && text.contains("service"), "{text}");
        assert!(parse("proj worker -B --schedule x").flags().is_err());
    }
}
