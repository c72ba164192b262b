//! How long RabbitMQ lets a consumer hold a message: `consumer_timeout`.
//!
//! What counts, in this order: the argument of the queue, its policy, the setting of the server. AMQP tells none
//! of them and the management API only the first two, so the server's own is an option of ours, by default
//! RabbitMQ's. Reading it never fails a start.

use std::time::Duration;

use taskq_core::{
    broker::{HoldLimit, Queue},
    codec::Value,
};

use super::Shared;
use crate::management::ListedQueue;

/// The argument of a queue, in milliseconds. RabbitMQ knows it since 3.12, and 3.11.15.
const ARGUMENT: &str = "x-consumer-timeout";

/// The shortest of these queues; `None` where nothing is limited.
pub(super) async fn limit(shared: &Shared, queues: &[Queue]) -> Option<HoldLimit> {
    let listed = match &shared.management {
        Some(management) => management.queues().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "could not read how long messages may be held");
            Vec::new()
        }),
        None => Vec::new(),
    };
    let server = shared.options.consumer_timeout;
    let of = |queue: &Queue| of_queue(queue, listed.iter().find(|listed| listed.name == queue.name), server);
    queues.iter().filter_map(of).min_by_key(|limit| limit.after)
}

fn of_queue(queue: &Queue, listed: Option<&ListedQueue>, server: Option<Duration>) -> Option<HoldLimit> {
    let name = &queue.name;
    let given = |milliseconds: u64, set_by: String| {
        (milliseconds > 0).then(|| HoldLimit { after: Duration::from_millis(milliseconds), set_by })
    };
    if let Some(argument) = queue.arguments.get(ARGUMENT).and_then(Value::as_u64) {
        return given(argument, format!("`{ARGUMENT}` of queue `{name}`"));
    }
    if let Some(policy) = listed.and_then(|listed| listed.policy.consumer_timeout) {
        return given(policy, format!("the policy `consumer-timeout` of queue `{name}`"));
    }
    server.map(|after| HoldLimit { after, set_by: "`consumer_timeout` of RabbitMQ".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: Option<Duration> = Some(Duration::from_secs(1_800));

    fn listed(text: &str) -> ListedQueue {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_argument_goes_before_the_policy_and_that_before_the_server() {
        let mut queue = Queue::named("q");
        let after =
            |queue: &Queue, listed| of_queue(queue, listed, SERVER).map(|limit| limit.after.as_secs());
        assert_eq!(after(&queue, None), Some(1_800));
        let policy = listed(r#"{"name": "q", "effective_policy_definition": {"consumer-timeout": 60000}}"#);
        assert_eq!(after(&queue, Some(&policy)), Some(60));
        for text in [r#"{"name": "q", "effective_policy_definition": []}"#, r#"{"name": "q"}"#] {
            let none = listed(text);
            assert_eq!(of_queue(&queue, Some(&none), SERVER).map(|limit| limit.after), SERVER, "{text}");
        }
        queue.arguments.insert(ARGUMENT.to_owned(), Value::Int(7_000));
        assert_eq!(after(&queue, Some(&policy)), Some(7));
        queue.arguments.insert(ARGUMENT.to_owned(), Value::Int(0));
        assert_eq!(after(&queue, Some(&policy)), None);
    }
}
