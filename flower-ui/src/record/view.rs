//! The record of a task, worked out from what was told of it.

use std::sync::Arc;

use taskq_core::backend::State;

use super::{
    Attempt, EndReason, TaskRecord,
    call::Said,
    history::History,
    mark::{Mark, Step},
    story::{self, Chapter},
};

impl History {
    /// What is known of the task.
    pub(crate) fn record(&self, id: &str) -> TaskRecord {
        let chapters = story::tell(self);
        let attempts = attempts(&chapters);
        let decisive = decisive(&chapters);
        let latest = |step| self.latest(step);
        let ended = |wanted: fn(&super::mark::End) -> Option<&String>| {
            self.marks.iter().rev().find_map(|mark| wanted(mark.end.as_deref()?)).cloned()
        };
        let mut record = TaskRecord {
            id: id.to_owned(),
            sent: latest(Step::Sent),
            received: latest(Step::Received),
            started: latest(Step::Started),
            succeeded: latest(Step::Succeeded),
            failed: latest(Step::Failed),
            retried: latest(Step::Retried),
            revoked: latest(Step::Revoked),
            rejected: latest(Step::Rejected),
            result: ended(|end| end.result.as_ref()),
            exception: ended(|end| end.exception.as_ref()),
            traceback: ended(|end| end.traceback.as_ref()),
            runtime: self.marks.iter().rev().find_map(|mark| mark.end.as_ref()?.runtime),
            clock: self.clock(),
            client: self.sent.as_ref().map(|call| call.host.as_ref().to_owned()),
            payload_dropped: self.payload_dropped,
            inferred: self.marks.iter().any(|mark| mark.inferred),
            ..TaskRecord::default()
        };
        if let Some((at, mark)) = decisive {
            record.state = mark.state();
            record.timestamp = mark.at;
            record.reason = if mark.step.is_end() { attempts[at].reason.clone() } else { None };
            record.worker =
                chapters[at].host.or_else(|| chapters.iter().rev().find_map(|it| it.host)).map(str::to_owned);
        }
        self.said(&mut record);
        record.attempts = attempts;
        record
    }

    /// Its state, as the record has it.
    pub(crate) fn state(&self) -> State {
        decisive(&story::tell(self)).map(|(_, mark)| mark.state()).unwrap_or_default()
    }

    /// Of the last attempt that came to `step` at that time: seconds that it waited until it was started, or ran
    /// until it ended.
    pub(crate) fn seconds_until(&self, step: Step, at: f64) -> Option<f64> {
        let attempts = attempts(&story::tell(self));
        let mut attempts = attempts.iter().rev();
        if step == Step::Started {
            attempts.find(|attempt| attempt.started == Some(at))?.queued()
        } else {
            attempts.find(|attempt| attempt.ended == Some(at))?.run
        }
    }

    /// The name, as far as it is known.
    pub(crate) fn name(&self) -> Option<&Arc<str>> {
        self.calls().find_map(|call| call.said.name.as_ref())
    }

    /// The queue, as far as it is known.
    pub(crate) fn queue(&self) -> Option<&Arc<str>> {
        self.calls().find_map(|call| call.said.queue.as_ref())
    }

    /// When a step was told last.
    pub(crate) fn latest(&self, step: Step) -> Option<f64> {
        self.marks.iter().rev().find(|mark| mark.step == step).map(|mark| mark.at)
    }

    /// Whether it has to wait for a time.
    pub(crate) fn has_eta(&self) -> bool {
        self.calls().any(|call| call.said.eta.is_some())
    }

    /// Whether it succeeded.
    pub(crate) fn has_succeeded(&self) -> bool {
        self.marks.iter().any(|mark| mark.step == Step::Succeeded)
    }

    /// Fills in how it was called: by the word of who received it, else of who sent it.
    fn said(&self, record: &mut TaskRecord) {
        fn first<T: Clone>(history: &History, of: impl Fn(&Said) -> Option<&T>) -> Option<T> {
            history.calls().find_map(|call| of(&call.said)).cloned()
        }
        let shared = |text: Option<Arc<str>>| text.map(|text| text.as_ref().to_owned());
        record.name = shared(first(self, |said| said.name.as_ref()));
        record.args = first(self, |said| said.args.as_ref());
        record.kwargs = first(self, |said| said.kwargs.as_ref());
        record.root_id = first(self, |said| said.root_id.as_ref());
        record.parent_id = first(self, |said| said.parent_id.as_ref());
        record.retries = first(self, |said| said.retries.as_ref());
        record.eta = first(self, |said| said.eta.as_ref());
        record.expires = first(self, |said| said.expires.as_ref());
        record.queue = shared(first(self, |said| said.queue.as_ref()));
        record.exchange = shared(first(self, |said| said.exchange.as_ref()));
        record.routing_key = shared(first(self, |said| said.routing_key.as_ref()));
    }

    fn clock(&self) -> i64 {
        let told = self.marks.iter().rev().find(|mark| mark.step != Step::Sent).or(self.marks.last());
        told.map_or(0, |mark| i64::try_from(mark.clock).unwrap_or(i64::MAX))
    }
}

/// The mark that gives the task its state, and the attempt it belongs to. Celery's precedence: SUCCESS stands
/// whatever else is told, then FAILURE, then REVOKED; else the last attempt says how far the task is.
fn decisive<'a>(chapters: &[Chapter<'a>]) -> Option<(usize, &'a Mark)> {
    let ended = |step| {
        chapters
            .iter()
            .enumerate()
            .rev()
            .find_map(|(at, it)| Some((at, it.end()?)).filter(|(_, mark)| mark.step == step))
    };
    let last = chapters.len().checked_sub(1)?;
    if let Some(succeeded) = ended(Step::Succeeded) {
        return Some(succeeded);
    }
    for step in [Step::Failed, Step::Revoked] {
        let Some((at, mark)) = ended(step) else { continue };
        // Unless it was tried again since: a retry counts up, a lost worker's message is delivered again.
        let same = chapters[at].retries == chapters[last].retries;
        let again = at < last && chapters[at].reason() == Some(EndReason::LostWorker);
        if same && !again {
            return Some((at, mark));
        }
    }
    let mark = chapters[last].decisive()?;
    // Its next attempt is known before the end of this one is told: RETRY until that starts.
    if !mark.step.is_end()
        && mark.step < Step::Started
        && let Some(before) = last.checked_sub(1)
        && let Some(end) = chapters[before].end()
        && end.step == Step::Retried
        && end.at > mark.at
    {
        return Some((before, end));
    }
    Some((last, mark))
}

fn attempts(chapters: &[Chapter<'_>]) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = Vec::with_capacity(chapters.len());
    for (at, chapter) in chapters.iter().enumerate() {
        let end = chapter.end();
        let eta = chapter.received.and_then(|mark| mark.eta).or(chapter.sent.and_then(|mark| mark.eta));
        let time = |mark: Option<&Mark>| mark.map(|mark| mark.at);
        let (sent, received, started) = (time(chapter.sent), time(chapter.received), time(chapter.started));
        let before = attempts.last();
        let delivered_again = end.is_none()
            && chapters
                .get(at + 1)
                .is_some_and(|next| next.host.is_some() && next.retries == chapter.retries);
        let details = |mark: &Mark| mark.end.as_ref().and_then(|end| end.runtime);
        attempts.push(Attempt {
            number: u32::try_from(at + 1).unwrap_or(u32::MAX),
            retries: chapter.retries,
            worker: chapter.host.map(str::to_owned),
            sent,
            eta,
            received,
            started,
            ended: end.map(|mark| mark.at),
            state: chapter.decisive().map_or(State::Pending, Mark::state),
            reason: if delivered_again { Some(EndReason::LostWorker) } else { chapter.reason() },
            exception: end.and_then(|mark| mark.end.as_ref()?.exception.clone()),
            wait: span(sent.map(|sent| due(sent, eta)), received.or(started), eta),
            prefetch: span(received.map(|received| due(received, eta)), started, None),
            run: end.and_then(details).or_else(|| span(started, end.map(|mark| mark.at), None)),
            backoff: before
                .and_then(|before| span(before.ended.filter(|_| before.state == State::Retry), eta, None)),
        });
    }
    attempts
}

fn due(at: f64, eta: Option<f64>) -> f64 {
    eta.map_or(at, |eta| eta.max(at))
}

/// Seconds between two times. Two clocks may differ a little: that is no time at all; if they differ much, nobody
/// knows. What was held until its eta did not wait before.
fn span(from: Option<f64>, to: Option<f64>, held_until: Option<f64>) -> Option<f64> {
    const DIFFER: f64 = 1.0;
    let (from, to) = (from?, to?);
    match to - from {
        seconds if seconds >= 0.0 => Some(seconds),
        seconds if seconds > -DIFFER || held_until.is_some_and(|eta| eta > to) => Some(0.0),
        _ => None,
    }
}
