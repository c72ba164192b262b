//! Counting the members of a chord's header, and saved groups.
//!
//! Kept true by every store: a member counts once, however often it is delivered; one caller at a time holds
//! the claim to send the body; a claim whose holder is gone lapses, and whoever counts a member then takes it
//! over; after [`finish`](ChordStore::finish) nobody is given it again; of the copies that two claims on one run of a
//! chord came to, one is taken.

use std::{fmt, time::Duration};

use super::{BackendError, Child, ChordCopy, State, TaskMeta, TaskOutput};
use crate::{BoxFuture, protocol::TaskId};

/// How long a claim lasts while its holder joins the header. Celery: twice `result_chord_join_timeout`.
pub const CHORD_CLAIM: Duration = Duration::from_secs(6);
/// How long it lasts while the body is published; whoever publishes renews it in between.
pub const CHORD_PUBLISHING: Duration = Duration::from_secs(10);
/// How long members that come late are told that the body was sent.
pub const CHORD_DONE: Duration = Duration::from_secs(300);

/// A chord whose header is about to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct ChordStart {
    /// Group id of the header.
    pub group: String,
    /// How many members end it: a chain counts as one, its last step; a chord as its body.
    pub size: u32,
    /// The shape of the header, when it holds groups: the body gets its results in that shape.
    pub save: Option<GroupMeta>,
}

/// A saved group (`GroupResult.save()`): `celery-taskset-meta-<id>`.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupMeta {
    /// Group id.
    pub id: String,
    /// Its parent in the result tree.
    pub parent: Option<Child>,
    /// Its members, in order; those that are groups have members themselves.
    pub members: Vec<Child>,
}

impl GroupMeta {
    /// The group as a node of a result tree.
    #[must_use]
    pub fn into_child(self) -> Child {
        Child { id: self.id, parent: self.parent.map(Box::new), members: Some(self.members) }
    }
}

impl From<Child> for GroupMeta {
    fn from(child: Child) -> Self {
        Self {
            id: child.id,
            parent: child.parent.map(|parent| *parent),
            members: child.members.unwrap_or_default(),
        }
    }
}

/// A member of a header that has ended.
#[derive(Clone, Copy, Debug)]
pub struct ChordPart<'a> {
    /// Group id of the header.
    pub group: &'a str,
    /// The member.
    pub id: &'a TaskId,
    /// Its place in the header; `None` comes last.
    pub index: Option<i64>,
    /// How it ended.
    pub meta: &'a TaskMeta,
}

/// What counting a member came to.
#[derive(Debug)]
pub enum ChordProgress {
    /// Counted; others are missing, or nobody has said yet how many there are.
    Counted,
    /// The header is complete, and another worker holds the claim: it sends the body, or its claim lapses.
    /// Whoever must not let go of the member before the body is sent counts again a little later.
    Busy,
    /// The body has been sent before.
    Done,
    /// The header is complete: this caller joins it and sends the body.
    Claimed(ChordClaim),
}

/// The right to send a body, for as long as it lasts.
#[derive(Clone, Debug)]
pub struct ChordClaim {
    /// Group id of the header.
    pub group: String,
    /// The run of that chord: the same in every claim, until it has ended, or was opened again.
    pub run: String,
    /// What tells this claim from a later one.
    pub token: String,
    /// Where the results of the header are.
    pub header: ChordHeader,
}

/// Where the results of a complete header are.
#[derive(Clone, Debug)]
pub enum ChordHeader {
    /// Here, in order.
    Members(Vec<ChordMember>),
    /// Under the ids of a saved group.
    Saved(GroupMeta),
}

/// How one member of a header ended.
#[derive(Clone, Debug)]
pub struct ChordMember {
    /// The member.
    pub id: TaskId,
    /// SUCCESS, or how it failed.
    pub state: State,
    /// Its result, or its error.
    pub output: TaskOutput,
}

/// Counts the members of chords.
pub trait ChordStore: Send + Sync + fmt::Debug {
    /// Says how many members each header has, and opens it anew if it has run before. Called before the last
    /// member is sent; members may have been counted already.
    fn start<'a>(&'a self, chords: &'a [ChordStart]) -> BoxFuture<'a, Result<(), BackendError>>;

    /// Adds members to a header that runs (`add_to_chord`).
    fn grow<'a>(&'a self, group: &'a str, by: u32) -> BoxFuture<'a, Result<(), BackendError>>;

    /// Counts members, in one round trip; answers in their order. A member that was counted before is not
    /// counted again, but may be given the claim.
    fn count<'a>(
        &'a self,
        parts: &'a [ChordPart<'a>],
    ) -> BoxFuture<'a, Result<Vec<ChordProgress>, BackendError>>;

    /// Makes the claim last for the time that publishing may take; takes it again if it has lapsed and nobody
    /// else has it. False: it is no longer ours, and the body must not be sent.
    fn renew<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, Result<bool, BackendError>>;

    /// The body was sent: the counters go, and members that come late are told so. False: the claim was lost.
    fn finish<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, Result<bool, BackendError>>;

    /// Gives up a claim whose body was not sent: whoever counts a member next gets it.
    fn release<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, Result<(), BackendError>>;

    /// Takes members that failed out of a header, which waits for them again; those that were counted besides stay.
    ///
    /// # Errors
    /// Unless a store says otherwise: it cannot.
    fn reopen<'a>(
        &'a self,
        group: &'a str,
        members: &'a [TaskId],
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        let _ = members;
        Box::pin(
            async move { Err(BackendError::permanent(format!("chord `{group}` cannot be opened again"))) },
        )
    }

    /// Takes a message that was sent under a claim, before it runs: true for the first copy, and whenever that one is
    /// taken again. False: another copy of it was taken, and this one must not run. Remembered for as long as results
    /// are kept.
    fn take<'a>(&'a self, copy: &'a ChordCopy) -> BoxFuture<'a, Result<bool, BackendError>>;

    /// The chord has failed: no member that comes late fails it again. Nothing happens when the claim is not held any
    /// more: somebody may have opened the chord again.
    fn fail<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, Result<(), BackendError>>;
}
