//! Failed steps of workflows, kept to be run again.

use std::sync::Arc;

use taskq_core::{
    backend::{FailedStep, FailedStepChange, FailedSteps},
    protocol::TaskId,
};

use super::Bench;

fn store(bench: &Bench) -> Arc<dyn FailedSteps> {
    bench.backend.failed_steps().expect("a backend that keeps failed steps")
}

fn step(workflow: &str, id: &str) -> FailedStep {
    FailedStep {
        workflow: workflow.to_owned(),
        id: id.to_owned(),
        message: vec![0, b'"', 255].into(),
        later: vec!["later".into()],
        headers: vec![("group".to_owned(), id.into())],
        failure: TaskId::new().to_string(),
        taken: None,
    }
}

async fn of(failed: &Arc<dyn FailedSteps>, workflow: &str) -> Vec<FailedStep> {
    let mut found = failed.of(workflow).await.expect("of");
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found
}

async fn replace(failed: &Arc<dyn FailedSteps>, changes: &[FailedStepChange]) -> Vec<bool> {
    failed.replace(changes).await.expect("replace")
}

/// They come back as they were kept, and those of another workflow do not.
pub async fn failed_steps_are_kept_by_workflow(bench: &Bench) {
    let failed = store(bench);
    let (one, other) = (TaskId::new().to_string(), TaskId::new().to_string());
    let steps = [step(&one, "a"), step(&one, "b"), step(&other, "a")];
    for step in &steps {
        failed.keep(step).await.expect("keep");
    }
    assert_eq!(of(&failed, &one).await, steps[..2]);
    assert_eq!(replace(&failed, &[(steps[0].clone(), None)]).await, [true]);
    assert_eq!(of(&failed, &one).await, steps[1..2]);
    assert_eq!(of(&failed, &other).await, steps[2..]);
}

/// Whoever forgets the failure it has run again does not forget one that came since.
pub async fn a_step_that_failed_again_is_not_forgotten_with_its_first_failure(bench: &Bench) {
    let failed = store(bench);
    let workflow = TaskId::new().to_string();
    let (first, again) = (step(&workflow, "a"), step(&workflow, "a"));
    failed.keep(&first).await.expect("keep");
    failed.keep(&again).await.expect("keep");
    assert_eq!(replace(&failed, &[(first, None)]).await, [false]);
    assert_eq!(of(&failed, &workflow).await, std::slice::from_ref(&again));
    assert_eq!(replace(&failed, &[(again, None)]).await, [true]);
    assert_eq!(of(&failed, &workflow).await, []);
}

/// It is replaced for one of them.
pub async fn of_many_who_take_a_failed_step_one_gets_it(bench: &Bench) {
    let failed = store(bench);
    let workflow = TaskId::new().to_string();
    let read = step(&workflow, "a");
    failed.keep(&read).await.expect("keep");
    let takers = (0..16).map(|taken| {
        let (failed, read) = (Arc::clone(&failed), read.clone());
        tokio::spawn(async move {
            let taken = FailedStep { taken: Some(taken), ..read.clone() };
            replace(&failed, &[(read, Some(taken.clone()))]).await[0].then_some(taken)
        })
    });
    let mut winners = Vec::new();
    for taker in takers.collect::<Vec<_>>() {
        winners.extend(taker.await.expect("a taker ended"));
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(of(&failed, &workflow).await, winners);
}
