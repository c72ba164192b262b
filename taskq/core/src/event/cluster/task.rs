//! A task, as its events tell.

use crate::{
    backend::State,
    codec::{Value, repr},
    event::Event,
};

/// What is known of a task. Texts are as the events carry them: shown, not to be read back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Its state; a type of the program's own is its state in capitals.
    pub state: State,
    /// When its state was told, in seconds since 1970 by the sender's clock.
    pub timestamp: f64,
    /// Positional arguments, as text.
    pub args: Option<String>,
    /// Keyword arguments, as text.
    pub kwargs: Option<String>,
    /// The worker that has, or had it.
    pub worker: Option<String>,
    /// Who sent it.
    pub client: Option<String>,
    /// The task that sent it.
    pub parent_id: Option<String>,
    /// The first task of its workflow.
    pub root_id: Option<String>,
    /// Retries so far.
    pub retries: u64,
    /// Not before, as text.
    pub eta: Option<String>,
    /// Not after, as text.
    pub expires: Option<String>,
    /// The queue it was sent to.
    pub queue: Option<String>,
    /// The exchange it was sent to.
    pub exchange: Option<String>,
    /// The routing key it was sent with.
    pub routing_key: Option<String>,
    /// Its result, as text.
    pub result: Option<String>,
    /// Its error, as text.
    pub exception: Option<String>,
    /// The error's traceback.
    pub traceback: Option<String>,
    /// How long it ran, in seconds.
    pub runtime: Option<f64>,
    /// When each step was told last, in seconds since 1970 by the sender's clock: `sent`, `received`, `started`, …
    pub times: Vec<(String, f64)>,
    clock: u64,
}

/// Steps that are remembered with their times.
const MOST_STEPS: usize = 16;

impl TaskView {
    pub(super) fn new(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    /// When a step (`received`, `started`, …) was told last.
    pub fn time_of(&self, step: &str) -> Option<f64> {
        self.times.iter().find(|(name, _)| name == step).map(|(_, at)| *at)
    }

    pub(super) fn take(&mut self, event: &Event, what: &str) {
        if let Some((_, at)) = self.times.iter_mut().find(|(name, _)| name == what) {
            *at = at.max(event.timestamp);
        } else if self.times.len() < MOST_STEPS {
            self.times.push((what.to_owned(), event.timestamp));
        }
        let is_sent = what == "sent";
        let newer = !is_sent && self.is_older_than(event, what);
        self.fill(event, newer || (is_sent && self.name.is_none()));
        if is_sent {
            self.client.get_or_insert_with(|| event.hostname.clone());
        } else if newer {
            self.worker = Some(event.hostname.clone());
            self.state = state(what);
            self.timestamp = event.timestamp;
            self.clock = event.clock;
        } else if self.worker.is_none() {
            self.worker = Some(event.hostname.clone());
        }
    }

    /// Whether the event came to be after what is known. Logical time is what orders events of one worker, and
    /// of workers that hear each other; between others the wall clock has to do, and at the same instant the
    /// order in which a task goes through its states.
    fn is_older_than(&self, event: &Event, what: &str) -> bool {
        if self.worker.is_none() || self.timestamp == 0.0 {
            return true;
        }
        if self.worker.as_deref() == Some(&event.hostname) && event.clock != self.clock {
            // A worker that was restarted counts from the start again.
            let restarted = event.clock < self.clock && event.timestamp > self.timestamp + 1.0;
            return event.clock > self.clock || restarted;
        }
        if event.timestamp == self.timestamp {
            return rank(&state(what)) >= rank(&self.state);
        }
        event.timestamp > self.timestamp
    }

    /// Takes over what the event says; what is known stays unless the event is `newer`.
    fn fill(&mut self, event: &Event, newer: bool) {
        let texts = [
            ("name", &mut self.name),
            ("args", &mut self.args),
            ("kwargs", &mut self.kwargs),
            ("parent_id", &mut self.parent_id),
            ("root_id", &mut self.root_id),
            ("eta", &mut self.eta),
            ("expires", &mut self.expires),
            ("queue", &mut self.queue),
            ("exchange", &mut self.exchange),
            ("routing_key", &mut self.routing_key),
            ("result", &mut self.result),
            ("exception", &mut self.exception),
            ("traceback", &mut self.traceback),
        ];
        for (name, known) in texts {
            let told = match event.fields.get(name) {
                None | Some(Value::Null) => continue,
                Some(Value::Str(text)) => text.clone(),
                Some(other) => repr::value(other),
            };
            if newer || known.is_none() {
                *known = Some(told);
            }
        }
        if let Some(retries) = event.number("retries") {
            self.retries = self.retries.max(retries.max(0.0) as u64);
        }
        if let Some(runtime) = event.number("runtime")
            && (newer || self.runtime.is_none())
        {
            self.runtime = Some(runtime);
        }
    }
}

fn state(what: &str) -> State {
    match what {
        "sent" => State::Pending,
        "received" => State::Received,
        "started" => State::Started,
        "succeeded" => State::Success,
        "failed" => State::Failure,
        "retried" => State::Retry,
        "revoked" => State::Revoked,
        "rejected" => State::Rejected,
        other => State::from(other.to_uppercase().as_str()),
    }
}

/// The order in which a task goes through its states.
fn rank(state: &State) -> u8 {
    match state {
        State::Pending => 0,
        State::Received => 1,
        State::Started => 2,
        State::Rejected => 4,
        State::Retry => 5,
        State::Revoked => 6,
        State::Failure => 7,
        State::Success => 8,
        _ => 3,
    }
}
