//! Tasks that are not written yet, and those that are likely to be told of again.
//!
//! Kept true here: what was told is here until it is in the file; how many are here is bounded. When the file
//! cannot be written, successes are given up first, and counted.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{
    rollup::Rollups,
    totals::{self, Totals},
    unwritten::{Unwritten, Waiting},
};
use crate::record::{History, Step, Told};

/// Tasks that are kept here although they are written.
const MOST_CLEAN: usize = 20_000;
/// Tasks that may wait to be written.
const MOST_WAITING: usize = 50_000;
/// Tasks that are given up at once when more wait.
const GIVE_UP: usize = 500;
/// Tasks taken for writing in one go.
pub(super) const CHUNK: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Hot {
    tasks: HashMap<Arc<str>, Entry>,
    /// Waiting to be written, the longest first.
    dirty: VecDeque<Arc<str>>,
    /// Written, the longest first. Some are dirty again since.
    clean: VecDeque<Arc<str>>,
    /// Taken for writing, and not written yet.
    writing: Vec<Arc<str>>,
    /// The row of the task that is new next.
    next: i64,
    pub(super) rollups: Rollups,
    pub(super) totals: Totals,
    /// Given up.
    pub(super) dropped: u64,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    /// Shared with who writes or reads it now.
    history: Arc<History>,
    is_dirty: bool,
    in_clean: bool,
    in_file: InFile,
    /// The row that it gets if the file knows nothing of it.
    fresh: i64,
}

/// What the file has of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum InFile {
    /// It was not asked: there may be more than is known here.
    #[default]
    NotAsked,
    Nothing,
    /// This row; what is in it is known here.
    Row(i64),
}

/// What is known of a task after something was told.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// Whether it was not told before.
    pub(crate) is_new: bool,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) received: Option<f64>,
    pub(crate) started: Option<f64>,
    pub(crate) has_eta: bool,
}

/// A task to be written.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) id: Arc<str>,
    pub(super) history: Arc<History>,
    pub(super) in_file: InFile,
    /// Its row if it is new.
    pub(super) fresh: i64,
}

/// What the file answered of a task that it was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) id: Arc<str>,
    /// The row that the task was to get: another one's answer is not for a task told of again since.
    pub(super) fresh: i64,
    pub(super) found: Option<(i64, Option<History>)>,
}

impl Hot {
    /// With a file whose greatest row this is.
    pub(super) fn after(row: i64) -> Self {
        Self { next: row + 1, ..Self::default() }
    }

    pub(super) fn tell(&mut self, told: Told) -> Heard {
        let Told { id, mark, call } = told;
        let next = &mut self.next;
        let entry = self.tasks.entry(Arc::clone(&id)).or_insert_with(|| {
            *next += 1;
            Entry { fresh: *next - 1, ..Entry::default() }
        });
        let (step, at, inferred) = (mark.step, mark.at, mark.inferred);
        let error = (step == Step::Failed).then(|| totals::error_of(&mark));
        let history = Arc::make_mut(&mut entry.history);
        let is_new = history.add(mark);
        if let Some(call) = call {
            // What a worker answered is the word of last resort.
            history.call(if inferred { Step::Custom } else { step }, call);
        }
        if is_new && !inferred {
            let seconds = self.rollups.count(&entry.history, step, at);
            self.totals.count(&entry.history, step, seconds);
            if let Some(error) = error {
                self.totals.failed(entry.history.name(), &error);
            }
        }
        let history = &entry.history;
        let heard = Heard {
            is_new,
            name: history.name().cloned(),
            received: history.latest(Step::Received),
            started: history.latest(Step::Started),
            has_eta: history.has_eta(),
        };
        if !entry.is_dirty {
            entry.is_dirty = true;
            self.dirty.push_back(id);
            if self.dirty.len() > MOST_WAITING {
                self.give_up();
            }
        }
        heard
    }

    /// A task, and whether the file knows no more of it.
    pub(super) fn get(&self, id: &str) -> Option<(History, bool)> {
        let entry = self.tasks.get(id)?;
        Some((History::clone(&entry.history), entry.in_file != InFile::NotAsked))
    }

    pub(super) fn waiting(&self) -> usize {
        self.dirty.len() + self.writing.len()
    }

    /// All that is not in the file as it is here; `in_file`: tasks that are there.
    pub(super) fn unwritten(&self, in_file: u64) -> Unwritten {
        // One that was told of while it is written is in both.
        let again = |id: &&Arc<str>| self.tasks.get(*id).is_some_and(|entry| !entry.is_dirty);
        let ids = self.dirty.iter().chain(self.writing.iter().filter(again));
        let waiting = ids.filter_map(|id| {
            let Entry { history, in_file, fresh, .. } = self.tasks.get(id)?;
            Some(Waiting {
                id: Arc::clone(id),
                history: Arc::clone(history),
                in_file: *in_file,
                fresh: *fresh,
            })
        });
        Unwritten { tasks: waiting.collect(), in_file }
    }

    /// Takes in what the file answered, so that nobody asks for the same again.
    pub(super) fn answered(&mut self, answers: Vec<Asked>) {
        for Asked { id, fresh, found } in answers {
            let Some(entry) = self.tasks.get_mut(&id) else { continue };
            if entry.in_file != InFile::NotAsked || entry.fresh != fresh {
                continue;
            }
            entry.in_file = match found {
                None => InFile::Nothing,
                Some((key, history)) => {
                    if let Some(history) = history {
                        Arc::make_mut(&mut entry.history).merge(history);
                    }
                    InFile::Row(key)
                }
            };
        }
    }

    /// Takes tasks for writing. They stay here, too.
    pub(super) fn take(&mut self) -> Vec<Task> {
        let count = self.dirty.len().min(CHUNK);
        let mut taken = Vec::with_capacity(count);
        for id in self.dirty.drain(..count) {
            if let Some(entry) = self.tasks.get_mut(&id) {
                entry.is_dirty = false;
                self.writing.push(Arc::clone(&id));
                let history = Arc::clone(&entry.history);
                taken.push(Task { history, in_file: entry.in_file, fresh: entry.fresh, id });
            }
        }
        taken
    }

    /// These are written now, in these rows. What the file knew more of a task is taken in.
    pub(super) fn written(&mut self, tasks: Vec<Task>) {
        self.writing.clear();
        for Task { id, history, in_file, .. } in tasks {
            let Some(entry) = self.tasks.get_mut(&id) else { continue };
            if entry.in_file == InFile::NotAsked && !Arc::ptr_eq(&entry.history, &history) {
                Arc::make_mut(&mut entry.history).merge(Arc::unwrap_or_clone(history));
            }
            entry.in_file = in_file;
            if !entry.in_clean {
                entry.in_clean = true;
                self.clean.push_back(id);
            }
        }
        while self.clean.len() > MOST_CLEAN
            && let Some(id) = self.clean.pop_front()
        {
            match self.tasks.get_mut(&id) {
                Some(entry) if entry.is_dirty => entry.in_clean = false,
                _ => {
                    self.tasks.remove(&id);
                }
            }
        }
    }

    /// These could not be written. They wait again, before all others.
    pub(super) fn not_written(&mut self, tasks: Vec<Task>) {
        self.writing.clear();
        for task in tasks.into_iter().rev() {
            let Some(entry) = self.tasks.get_mut(&task.id) else { continue };
            // Nobody knows what went wrong: it is asked again.
            if entry.in_file == InFile::Nothing {
                entry.in_file = InFile::NotAsked;
            }
            if !entry.is_dirty {
                entry.is_dirty = true;
                self.dirty.push_front(task.id);
            }
        }
    }

    /// The file was replaced by an empty one: all that is known is to be written there.
    pub(super) fn all_again(&mut self) {
        for (id, entry) in &mut self.tasks {
            entry.in_file = InFile::NotAsked;
            if !entry.is_dirty {
                entry.is_dirty = true;
                self.dirty.push_back(Arc::clone(id));
            }
        }
    }

    /// Rows that were deleted: what is told of them from now on is a row of its own.
    pub(super) fn forget(&mut self, ids: &[String]) {
        for id in ids {
            if let Some(entry) = self.tasks.get_mut(id.as_str()) {
                entry.in_file = InFile::NotAsked;
            }
        }
    }

    /// Too many wait: successes go, or else the oldest.
    fn give_up(&mut self) {
        let before = self.dirty.len();
        let mut left = GIVE_UP;
        let tasks = &mut self.tasks;
        self.dirty.retain(|id| {
            let can_go = |it: &Entry| !matches!(it.in_file, InFile::Row(_)) && it.history.has_succeeded();
            let goes = left > 0 && tasks.get(id).is_none_or(can_go);
            if goes {
                left -= 1;
                tasks.remove(id);
            }
            !goes
        });
        if before == self.dirty.len() {
            for id in self.dirty.drain(..GIVE_UP.min(before)) {
                self.tasks.remove(&id);
            }
        }
        self.dropped += (before - self.dirty.len()) as u64;
    }
}
