//! Failed steps of workflows: a hash a workflow, by id.

use std::{collections::HashMap, fmt, sync::Arc};

use redis::Pipeline;
use taskq_core::{
    BoxFuture,
    backend::{BackendError, FailedStep, FailedStepChange, FailedSteps},
};

use super::Inner;
use crate::{error, script};

pub(super) struct Failed(pub(super) Arc<Inner>);

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failed(`{}`)", self.0.link.shown())
    }
}

impl Failed {
    fn key(&self, workflow: &str) -> String {
        format!("{}taskq-failed-steps-{workflow}", self.0.prefix)
    }
}

impl FailedSteps for Failed {
    fn keep<'a>(&'a self, step: &'a FailedStep) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let key = self.key(&step.workflow);
            let mut pipeline = Pipeline::new();
            pipeline.cmd("HSET").arg(&key).arg(&step.id).arg(step.to_bytes()).ignore();
            let options = &self.0.options;
            if let Some(expires) = options.failure_expires.or(options.expires).filter(|all| !all.is_zero()) {
                pipeline.cmd("EXPIRE").arg(&key).arg(expires.as_secs().max(1)).ignore();
            }
            self.0.link.pipe("keep a failed step", &pipeline).await.map_err(error::backend)
        })
    }

    fn of<'a>(&'a self, workflow: &'a str) -> BoxFuture<'a, Result<Vec<FailedStep>, BackendError>> {
        Box::pin(async move {
            let mut all = redis::cmd("HGETALL");
            all.arg(self.key(workflow));
            let found: HashMap<String, Vec<u8>> =
                self.0.link.run("read failed steps", &all).await.map_err(error::backend)?;
            let read = |(id, stored)| FailedStep::from_bytes(workflow, id, stored);
            Ok(found.into_iter().filter_map(read).collect())
        })
    }

    fn replace<'a>(
        &'a self,
        changes: &'a [FailedStepChange],
    ) -> BoxFuture<'a, Result<Vec<bool>, BackendError>> {
        Box::pin(async move {
            let mut pipeline = Pipeline::new();
            for (read, new) in changes {
                let mut replace = script::call(&script::FAILED_REPLACE, 1);
                replace.arg(self.key(&read.workflow)).arg(&read.id).arg(read.to_bytes());
                replace.arg(new.as_ref().map(FailedStep::to_bytes));
                pipeline.add_command(replace);
            }
            if pipeline.is_empty() {
                return Ok(Vec::new());
            }
            script::pipe(&self.0.link, "replace failed steps", &pipeline).await.map_err(error::backend)
        })
    }
}
