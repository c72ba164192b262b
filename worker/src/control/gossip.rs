//! Elections: one worker of many runs an action (Celery: `app.control.election`).
//!
//! Python workers count an election as over when every worker that they hear heartbeats of has answered, so we
//! answer every candidate. Who has won is what all see alike: the candidate with the lowest clock. Only
//! election events are listened to; heartbeats of others would cost each worker as much as there are workers.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use taskq_core::{
    canvas::Signature,
    codec::{Map, Value},
    event::Event,
};
use tokio::time::{interval, sleep};
use tracing::{debug, info, warn};

use crate::node::Node;

/// How long candidates may take to stand.
const OPEN: Duration = Duration::from_secs(2);
/// How often elections are counted.
const COUNT: Duration = Duration::from_millis(250);
/// Elections that are open at once; more are not taken part in.
const MOST: usize = 1_000;
/// Pause before listening again.
const AGAIN: Duration = Duration::from_secs(1);

struct Election {
    opened: Instant,
    /// Clock and name: what candidates are ordered by.
    first: (u64, String),
    topic: Value,
    action: Value,
}

/// Takes part in elections for as long as the worker runs.
pub(super) async fn listen(node: Arc<Node>) {
    loop {
        match node.app.event_feed_of("worker.elect").await {
            Ok(mut feed) => {
                let mut open: HashMap<String, Election> = HashMap::new();
                let mut count = interval(COUNT);
                loop {
                    tokio::select! {
                        biased;
                        event = feed.next() => match event {
                            Ok(event) => stand(&node, &mut open, &event),
                            Err(error) => {
                                debug!(%error, "no more elections are heard of");
                                break;
                            }
                        },
                        _ = count.tick(), if !open.is_empty() => decide(&node, &mut open).await,
                    }
                }
            }
            Err(error) => debug!(%error, "could not listen for elections"),
        }
        sleep(AGAIN).await;
    }
}

fn stand(node: &Node, open: &mut HashMap<String, Election>, event: &Event) {
    let Some(id) = event.text("id").filter(|_| event.kind == "worker-elect") else { return };
    let ack = Map::from_iter([("id".to_owned(), Value::from(id))]);
    node.events.tell("worker-elect-ack", ack);
    let candidate = (event.clock, format!("{}.{}", event.hostname, event.pid));
    let full = open.len() >= MOST;
    match open.get(id) {
        Some(election) if candidate >= election.first => {}
        None if full => {}
        other => {
            let opened = other.map_or_else(Instant::now, |election| election.opened);
            let field = |name| event.fields.get(name).cloned().unwrap_or_default();
            let election =
                Election { opened, first: candidate, topic: field("topic"), action: field("action") };
            open.insert(id.to_owned(), election);
        }
    }
}

async fn decide(node: &Node, open: &mut HashMap<String, Election>) {
    let is_over = |election: &Election| election.opened.elapsed() >= OPEN;
    let over: Vec<String> =
        open.iter().filter(|(_, election)| is_over(election)).map(|(id, _)| id.clone()).collect();
    let me = format!("{}.{}", node.name, std::process::id());
    for id in over {
        let Some(election) = open.remove(&id) else { continue };
        if election.first.1 != me {
            info!(id, winner = election.first.1, "election lost");
            continue;
        }
        info!(id, "election won");
        if election.topic.as_str() != Some("task") {
            warn!(id, topic = ?election.topic, "nothing is known to do for the topic of an election");
            continue;
        }
        let sent = match Signature::from_value(election.action) {
            Ok(signature) => node.app.send_canvas(signature).await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            warn!(id, %error, "could not send the task of an election");
        }
    }
}
