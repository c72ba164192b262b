//! Which command does what.
//!
//! Kept true here: an unknown command or a wrong argument is answered with the text of the exception that
//! Celery would raise.

use std::{sync::Arc, time::Instant};

use taskq_core::{
    backend::StoredError,
    codec::Value,
    control::{Command, nok, ok},
    event::exception,
};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::{answer::Answer, args::Args, events, limits, pool, queues, revoke, stats, tasks};
use crate::{consume::Ask, node::Node, pool::PoolView};

/// What commands work on.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) node: Arc<Node>,
    pub(crate) pool: PoolView,
    /// To the fetch loop, which owns the queues, the rates and the tasks that wait for their time.
    pub(crate) asks: mpsc::Sender<Ask>,
    pub(crate) since: Instant,
}

/// What a command comes to: an answer, or the exception to show.
pub(super) type Done = Result<Value, StoredError>;

impl Panel {
    /// Does what a command says and sees to the answer.
    pub(super) async fn obey(&self, command: Command, answers: &mpsc::Sender<Answer>) {
        debug!(method = command.method, "control command");
        let Command { method, arguments, ticket, reply_to, .. } = command;
        let answer = |value| reply_to.map(|to| Answer { value, ticket, to });
        if method == "shutdown" {
            let text = arguments.get("msg").and_then(Value::as_str).unwrap_or("Got shutdown from remote");
            warn!("{text}");
            return self.node.stop.warm(); // never answered, as in Celery
        }
        if let Some(custom) = self.node.app.custom_commands().get(&method) {
            // In the background: what users write may take its time.
            let (run, answers) = (custom(self.node.app.clone(), arguments), answers.clone());
            tokio::spawn(async move {
                let value = run.await.unwrap_or_else(|error| nok(error.to_string()));
                if let Some(answer) = answer(value) {
                    let _ = answers.send(answer).await; // the worker may have stopped
                }
            });
            return;
        }
        let value = self.run(&method, &Args::new(&method, &arguments)).await;
        let value = value.unwrap_or_else(|error| nok(exception(&error)));
        if let Some(answer) = answer(value) {
            let _ = answers.send(answer).await; // the worker may have stopped
        }
    }

    async fn run(&self, method: &str, args: &Args<'_>) -> Done {
        match method {
            "ping" => Ok(ok("pong")),
            "clock" => events::clock(self),
            "enable_events" => events::enable(self, args),
            "disable_events" => events::disable(self, args),
            "heartbeat" => events::heartbeat(self),
            "hello" => events::hello(self, args),
            "election" => events::election(self, args),
            "active" | "dump_active" => tasks::active(self, args),
            "reserved" | "dump_reserved" => tasks::reserved(self),
            "scheduled" | "dump_schedule" => tasks::scheduled(self).await,
            "query_task" => tasks::query(self, args).await,
            "leading_to" => tasks::leading_to(self, args).await,
            "registered" | "dump_tasks" => tasks::registered(self, args),
            "revoked" | "dump_revoked" => revoke::revoked(self),
            "revoke" => revoke::revoke(self, args).await,
            "terminate" => revoke::terminate(self, args).await,
            "revoke_workflow" => revoke::workflow(self, args).await,
            "revoke_by_stamped_headers" => revoke::by_stamps(self, args).await,
            "rate_limit" => limits::rate_limit(self, args).await,
            "time_limit" => limits::time_limit(self, args),
            "task_concurrency" => limits::task_concurrency(self, args),
            "queue_concurrency" => limits::queue_concurrency(self, args),
            "pool_grow" => pool::grow(self, args),
            "pool_shrink" => pool::shrink(self, args),
            "pool_restart" => pool::restart(self),
            "autoscale" => pool::autoscale(self, args),
            "add_consumer" => queues::add(self, args).await,
            "cancel_consumer" => queues::cancel(self, args).await,
            "active_queues" => queues::active(self, args),
            "stats" => stats::stats(self),
            "conf" | "dump_conf" => stats::conf(self, args),
            "report" => stats::report(self, args),
            "memsample" => stats::memsample(),
            "memdump" => stats::memdump(),
            "objgraph" => stats::objgraph(),
            unknown => Err(StoredError::builtin("KeyError", unknown)),
        }
    }
}
