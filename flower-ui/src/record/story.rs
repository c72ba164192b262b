//! What the marks of a task amount to: its attempts, in order, each with its steps.
//!
//! Kept true here: events do not say which attempt they belong to, except `sent` and `received`, which count
//! retries. The others belong to what their worker has open. A retried task may be received again before its
//! `retried` is told, workers' clocks may differ, and any event may be missing.

use super::{
    EndReason,
    history::History,
    mark::{Mark, Step},
};

/// A second end so many seconds after the first belongs to the same attempt: a rejection tells `failed`, then
/// `rejected`.
const SAME_END: f64 = 5.0;
/// An attempt that counts fewer retries than those before it, and comes so many seconds after all of them, is not
/// out of order but sent anew.
const ANEW: f64 = 30.0;

/// One attempt, as its marks.
#[derive(Debug, Default)]
pub(super) struct Chapter<'a> {
    pub(super) host: Option<&'a str>,
    pub(super) retries: Option<u32>,
    pub(super) sent: Option<&'a Mark>,
    pub(super) received: Option<&'a Mark>,
    pub(super) started: Option<&'a Mark>,
    pub(super) custom: Option<&'a Mark>,
    pub(super) ends: Vec<&'a Mark>,
    /// When a worker first told of it, or it was sent.
    first: f64,
    last: f64,
    /// Times that the task was sent anew before.
    generation: u32,
}

impl<'a> Chapter<'a> {
    fn of(mark: &'a Mark) -> Self {
        let host = Some(&*mark.host).filter(|host| !host.is_empty() && mark.step != Step::Sent);
        Self { host, retries: mark.retries, first: mark.at, last: mark.at, ..Self::default() }
    }

    /// The mark that says how far it is, or how it ended.
    pub(super) fn decisive(&self) -> Option<&'a Mark> {
        self.end().or(self.custom).or(self.started).or(self.received).or(self.sent)
    }

    pub(super) fn end(&self) -> Option<&'a Mark> {
        self.ends.iter().copied().max_by_key(|mark| mark.step)
    }

    /// Why it ended.
    pub(super) fn reason(&self) -> Option<EndReason> {
        let mark = self.end()?;
        let end = mark.end.as_deref();
        let rejected = self.ends.iter().find(|mark| mark.step == Step::Rejected);
        match mark.step {
            Step::Revoked => Some(match end {
                Some(end) if end.expired => EndReason::Expired,
                Some(end) if end.terminated => EndReason::Terminated { signal: end.signal },
                _ => EndReason::Revoked,
            }),
            Step::Failed | Step::Rejected => match rejected {
                Some(mark) => {
                    Some(EndReason::Rejected { requeue: mark.end.as_ref().is_some_and(|end| end.requeue) })
                }
                None => EndReason::of_exception(end?.exception.as_deref()?),
            },
            _ => None,
        }
    }

    fn add(&mut self, mark: &'a Mark) {
        self.last = self.last.max(mark.at);
        match mark.step {
            Step::Sent => self.sent = Some(mark),
            Step::Received => self.received = Some(mark),
            Step::Started => self.started = Some(mark),
            Step::Custom => self.custom = Some(mark),
            _ => self.ends.push(mark),
        }
    }
}

/// The attempts, the first one first.
pub(super) fn tell(history: &History) -> Vec<Chapter<'_>> {
    let mut chapters: Vec<Chapter<'_>> = Vec::new();
    for mark in history.marks.iter().filter(|mark| mark.step != Step::Sent && !is_superseded(history, mark)) {
        match place(&chapters, mark) {
            Some(at) => chapters[at].add(mark),
            None => {
                let mut chapter = Chapter::of(mark);
                chapter.add(mark);
                chapters.push(chapter);
            }
        }
    }
    sort(&mut chapters);
    send(&mut chapters, history);
    chapters
}

/// Whether something that was inferred is known from an event by now.
fn is_superseded(history: &History, mark: &Mark) -> bool {
    mark.inferred
        && history.marks.iter().any(|told| {
            !told.inferred
                && if mark.step.is_end() { told.step > Step::Retried } else { told.step >= mark.step }
        })
}

/// The attempt that a mark belongs to; `None` begins a new one.
fn place(chapters: &[Chapter<'_>], mark: &Mark) -> Option<usize> {
    let of_host = |chapter: &Chapter<'_>| mark.host.is_empty() || chapter.host == Some(&*mark.host);
    let find = |fits: &dyn Fn(&Chapter<'_>) -> bool| {
        chapters.iter().position(|chapter| of_host(chapter) && chapter.ends.is_empty() && fits(chapter))
    };
    match mark.step {
        Step::Sent | Step::Received => None,
        Step::Started => find(&|chapter| chapter.started.is_none()),
        Step::Custom => chapters.iter().rposition(of_host),
        _ => find(&|chapter| chapter.started.is_some()).or_else(|| find(&|_| true)).or_else(|| {
            chapters.iter().rposition(|chapter| {
                of_host(chapter)
                    && mark.at - chapter.last < SAME_END
                    && chapter.ends.iter().all(|end| end.step != mark.step)
            })
        }),
    }
}

/// By retries, which no clock can get wrong; within that, and where they are not known, by time.
fn sort(chapters: &mut [Chapter<'_>]) {
    chapters.sort_by(|a, b| a.first.total_cmp(&b.first));
    let (mut generation, mut most, mut last) = (0, 0, f64::NEG_INFINITY);
    for chapter in chapters.iter_mut() {
        let retries = *chapter.retries.get_or_insert(most);
        if retries < most && chapter.first > last + ANEW {
            generation += 1;
            most = 0;
        }
        chapter.generation = generation;
        most = most.max(retries);
        last = last.max(chapter.last);
    }
    chapters.sort_by(|a, b| {
        (a.generation, a.retries).cmp(&(b.generation, b.retries)).then(a.first.total_cmp(&b.first))
    });
}

/// Gives each attempt the message it began with; one that no worker took yet is an attempt of its own.
fn send<'a>(chapters: &mut Vec<Chapter<'a>>, history: &'a History) {
    for mark in history.marks.iter().filter(|mark| mark.step == Step::Sent) {
        let retries = mark.retries.unwrap_or_default();
        let of_it = |chapter: &&mut Chapter<'_>| chapter.retries.unwrap_or_default() == retries;
        let mut same = chapters.iter_mut().filter(of_it);
        if let Some(chapter) = same.find(|chapter| chapter.sent.is_none()) {
            chapter.sent = Some(mark);
            continue;
        }
        let mut same = chapters.iter_mut().filter(of_it);
        if same.all(|chapter| mark.at > chapter.last) {
            let mut chapter = Chapter::of(mark);
            chapter.retries = Some(retries);
            chapter.generation = chapters.last().map_or(0, |last| last.generation);
            chapter.add(mark);
            chapters.push(chapter);
        }
    }
}
