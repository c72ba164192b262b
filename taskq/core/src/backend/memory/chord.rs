//! Chords counted in this process, and groups saved in it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Kept, Shared};
use crate::{
    BoxFuture, Timestamp,
    backend::{
        BackendError, CHORD_CLAIM, CHORD_DONE, CHORD_PUBLISHING, ChordClaim, ChordCopy, ChordHeader,
        ChordMember, ChordPart, ChordProgress, ChordStart, ChordStore, GroupMeta,
    },
    protocol::TaskId,
};

/// Chords and saved groups by group id.
#[derive(Debug, Default)]
pub(super) struct Groups {
    chords: HashMap<String, Kept<Chord>>,
    saved: HashMap<String, Kept<GroupMeta>>,
    /// The copies that were taken, by chord and place.
    taken: HashMap<(String, u32), Kept<ChordCopy>>,
}

#[derive(Debug, Default)]
struct Chord {
    size: Option<usize>,
    added: usize,
    counted: HashSet<(TaskId, Option<i64>)>,
    /// By index, those without one last; then in the order of their ends.
    members: BTreeMap<(i64, usize), ChordMember>,
    /// Members that ever ended, those that run again included: tells apart those without an index.
    ended: usize,
    claim: Option<(String, Timestamp)>,
    /// The token of its first claim.
    run: Option<String>,
    done: bool,
}

impl Chord {
    fn count(&mut self, part: &ChordPart<'_>) {
        if self.counted.insert((part.id.clone(), part.index)) {
            let place = (part.index.unwrap_or(i64::MAX), self.ended);
            self.ended += 1;
            let (state, output) = (part.meta.state.clone(), part.meta.output.clone());
            self.members.insert(place, ChordMember { id: part.id.clone(), state, output });
        }
    }

    fn is_complete(&self) -> bool {
        self.size.is_some_and(|size| size + self.added == self.members.len())
    }

    /// Takes the claim, unless another holds it.
    fn claim(&mut self, token: &str, now: Timestamp, lasts: Duration) -> bool {
        if self.claim.as_ref().is_some_and(|(holder, until)| holder != token && *until > now) {
            return false;
        }
        self.claim = Some((token.to_owned(), later(now, lasts)));
        true
    }
}

fn later(now: Timestamp, lasts: Duration) -> Timestamp {
    now.saturating_add(lasts).unwrap_or(Timestamp::MAX)
}

impl Groups {
    /// Forgets what is over; answers how many.
    pub(super) fn clean(&mut self, now: Timestamp) -> usize {
        let before = self.chords.len() + self.saved.len();
        self.chords.retain(|_, kept| !kept.is_over(now));
        self.saved.retain(|_, kept| !kept.is_over(now));
        self.taken.retain(|_, kept| !kept.is_over(now));
        before - self.chords.len() - self.saved.len()
    }

    fn chord(&mut self, group: &str, now: Timestamp, until: Option<Timestamp>) -> &mut Chord {
        let kept = self.chords.entry(group.to_owned()).or_insert_with(|| Kept::new(Chord::default(), until));
        if kept.is_over(now) {
            kept.what = Chord::default();
        }
        kept.until = until;
        &mut kept.what
    }

    fn held(&mut self, claim: &ChordClaim, now: Timestamp) -> Option<&mut Chord> {
        let kept = self.chords.get_mut(&claim.group).filter(|kept| !kept.is_over(now))?;
        Some(&mut kept.what)
    }

    pub(super) fn save(&mut self, group: &GroupMeta, until: Option<Timestamp>) {
        self.saved.insert(group.id.clone(), Kept::new(group.clone(), until));
    }

    pub(super) fn load(&self, id: &str, now: Timestamp) -> Option<GroupMeta> {
        self.saved.get(id).filter(|kept| !kept.is_over(now)).map(|kept| kept.what.clone())
    }

    pub(super) fn forget(&mut self, id: &str) {
        self.saved.remove(id);
    }
}

impl Shared {
    pub(super) fn groups(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The chords of a backend.
#[derive(Debug)]
pub(super) struct Chords {
    pub(super) shared: Arc<Shared>,
    pub(super) expires: Option<Duration>,
}

impl Chords {
    fn now(&self) -> (Timestamp, Option<Timestamp>) {
        let now = self.shared.clock.now();
        (now, self.expires.map(|after| later(now, after)))
    }

    fn count_one(&self, part: &ChordPart<'_>) -> ChordProgress {
        let (now, until) = self.now();
        let mut groups = self.shared.groups();
        let saved = groups.load(part.group, now);
        let chord = groups.chord(part.group, now, until);
        if chord.done {
            return ChordProgress::Done;
        }
        chord.count(part);
        if !chord.is_complete() {
            return ChordProgress::Counted;
        }
        let token = TaskId::new().to_string();
        if !chord.claim(&token, now, CHORD_CLAIM) {
            return ChordProgress::Busy;
        }
        let run = chord.run.get_or_insert_with(|| token.clone()).clone();
        let header = match saved {
            Some(saved) => ChordHeader::Saved(saved),
            None => ChordHeader::Members(chord.members.values().cloned().collect()),
        };
        ChordProgress::Claimed(ChordClaim { group: part.group.to_owned(), run, token, header })
    }
}

impl ChordStore for Chords {
    fn start<'a>(&'a self, chords: &'a [ChordStart]) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let (now, until) = self.now();
            let mut groups = self.shared.groups();
            for start in chords {
                if let Some(group) = &start.save {
                    groups.save(group, until);
                }
                let chord = groups.chord(&start.group, now, until);
                if chord.done {
                    *chord = Chord::default();
                }
                chord.size = Some(start.size as usize);
                chord.claim = None;
            }
            Ok(())
        })
    }

    fn grow<'a>(&'a self, group: &'a str, by: u32) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let (now, until) = self.now();
            self.shared.groups().chord(group, now, until).added += by as usize;
            Ok(())
        })
    }

    fn count<'a>(
        &'a self,
        parts: &'a [ChordPart<'a>],
    ) -> BoxFuture<'a, Result<Vec<ChordProgress>, BackendError>> {
        Box::pin(async move { Ok(parts.iter().map(|part| self.count_one(part)).collect()) })
    }

    fn renew<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let (now, _) = self.now();
            let mut groups = self.shared.groups();
            let chord = groups.held(claim, now).filter(|chord| !chord.done && chord.size.is_some());
            Ok(chord.is_some_and(|chord| chord.claim(&claim.token, now, CHORD_PUBLISHING)))
        })
    }

    fn finish<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let (now, _) = self.now();
            let mut groups = self.shared.groups();
            let Some(chord) = groups.held(claim, now).filter(|chord| {
                chord.claim.as_ref().is_some_and(|(token, until)| *token == claim.token && *until > now)
            }) else {
                return Ok(false);
            };
            *chord = Chord { done: true, ..Chord::default() };
            if let Some(kept) = groups.chords.get_mut(&claim.group) {
                kept.until = Some(later(now, CHORD_DONE));
            }
            Ok(true)
        })
    }

    fn release<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let (now, _) = self.now();
            if let Some(chord) = self.shared.groups().held(claim, now) {
                chord.claim.take_if(|(token, _)| *token == claim.token);
            }
            Ok(())
        })
    }

    fn reopen<'a>(
        &'a self,
        group: &'a str,
        members: &'a [TaskId],
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let (now, until) = self.now();
            let mut groups = self.shared.groups();
            let chord = groups.chord(group, now, until);
            chord.size.get_or_insert(chord.members.len().saturating_sub(chord.added));
            let again: HashSet<&TaskId> = members.iter().collect();
            chord.members.retain(|_, member| !again.contains(&member.id));
            chord.counted.retain(|(id, _)| !again.contains(id));
            (chord.claim, chord.run, chord.done) = (None, None, false);
            Ok(())
        })
    }

    fn take<'a>(&'a self, copy: &'a ChordCopy) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(async move {
            let (now, until) = self.now();
            let mut groups = self.shared.groups();
            let place = (copy.group.clone(), copy.place);
            let taken = groups.taken.get(&place).filter(|kept| !kept.is_over(now));
            if taken.is_some_and(|taken| taken.what.run == copy.run && taken.what.token != copy.token) {
                return Ok(false);
            }
            groups.taken.insert(place, Kept::new(copy.clone(), until));
            Ok(true)
        })
    }

    fn fail<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let (now, _) = self.now();
            if let Some(chord) = self.shared.groups().held(claim, now)
                && chord.claim.as_ref().is_some_and(|(holder, _)| *holder == claim.token)
            {
                chord.size = None;
            }
            Ok(())
        })
    }
}
