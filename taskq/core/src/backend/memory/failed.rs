//! Failed steps in this process: they live as long as the results.

use crate::{
    BoxFuture,
    backend::{BackendError, FailedStep, FailedStepChange, FailedSteps},
};

use super::{Kept, MemoryBackend};

impl FailedSteps for MemoryBackend {
    fn keep<'a>(&'a self, step: &'a FailedStep) -> BoxFuture<'a, Result<(), BackendError>> {
        let kept = Kept::new(step.clone(), self.until());
        self.failed().insert((step.workflow.clone(), step.id.clone()), kept);
        Box::pin(async { Ok(()) })
    }

    fn of<'a>(&'a self, workflow: &'a str) -> BoxFuture<'a, Result<Vec<FailedStep>, BackendError>> {
        let now = self.shared.clock.now();
        let mut failed = self.failed();
        failed.retain(|_, kept| !kept.is_over(now));
        let found = failed.values().filter(|kept| kept.what.workflow == workflow);
        let found = found.map(|kept| kept.what.clone()).collect();
        Box::pin(async { Ok(found) })
    }

    fn replace<'a>(
        &'a self,
        changes: &'a [FailedStepChange],
    ) -> BoxFuture<'a, Result<Vec<bool>, BackendError>> {
        let mut failed = self.failed();
        let replace = |(read, new): &FailedStepChange| {
            let key = (read.workflow.clone(), read.id.clone());
            let Some(kept) = failed.get_mut(&key).filter(|kept| kept.what == *read) else { return false };
            match new {
                Some(new) => kept.what = new.clone(),
                None => drop(failed.remove(&key)),
            }
            true
        };
        let done = changes.iter().map(replace).collect();
        Box::pin(async { Ok(done) })
    }
}
