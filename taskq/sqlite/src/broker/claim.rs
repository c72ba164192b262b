//! Taking messages: what lapsed comes back, what is due becomes ready, the most urgent are leased.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension};
use taskq_core::{
    broker::{DeadKind, DeadReason, DeliveryTag},
    crash::{self, Point},
};
use tokio::sync::oneshot;

use super::dead;
use crate::shared;
use crate::store::{Failure, Inbox, Job, Result, Tx, micros_now};

/// Delayed messages that become ready in one step.
const PROMOTED: usize = 2_000;

/// The next look when something should be there that is not, in microseconds.
const AGAIN: i64 = 100_000;

/// What to take.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Numbers of the queues, the one whose turn it is first.
    pub(super) queues: Vec<i64>,
    pub(super) max: usize,
    /// Microseconds.
    pub(super) lease: i64,
    pub(super) max_deliveries: u32,
    pub(super) owner: i64,
}

/// A message that was leased.
#[derive(Debug)]
pub(super) struct Leased {
    pub(super) tag: DeliveryTag,
    pub(super) queue: i64,
    pub(super) deliveries: u32,
    pub(super) envelope: Bytes,
}

/// The answer to a claim. What is not taken out of it goes back when it is dropped.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) leased: Vec<Leased>,
    /// When something may be there that is not there now, in microseconds.
    pub(super) next: Option<i64>,
    inbox: Arc<Inbox>,
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if !self.leased.is_empty() {
            self.inbox.give_back(self.leased.drain(..).map(|leased| leased.tag));
        }
    }
}

/// A claim on its way through the writer.
pub(super) struct Claim {
    wanted: Wanted,
    inbox: Arc<Inbox>,
    leased: Vec<Leased>,
    next: Option<i64>,
    revoked: i64,
    reply: oneshot::Sender<Result<Claimed>>,
}

impl Claim {
    pub(super) fn new(wanted: Wanted, inbox: Arc<Inbox>) -> (Box<Self>, oneshot::Receiver<Result<Claimed>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { wanted, inbox, leased: Vec::new(), next: None, revoked: 0, reply }), answer)
    }
}

impl Job for Claim {
    fn is_idle(&mut self, conn: &Connection) -> Result<bool> {
        self.next = next_event(conn, &self.wanted.queues)?;
        if self.next.is_some_and(|at| at <= micros_now()) {
            return Ok(false);
        }
        let mut ready =
            conn.prepare_cached("SELECT 1 FROM message WHERE state = 0 AND queue = ?1 LIMIT 1")?;
        for queue in &self.wanted.queues {
            if ready.exists([queue])? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn run(&mut self, tx: &Tx<'_>) -> Result<()> {
        self.leased.clear();
        if tx.leases_lapse {
            return_lapsed(tx)?;
        }
        let Wanted { queues, max, .. } = &self.wanted;
        for queue in queues {
            promote(tx, *queue)?;
        }
        // What turns out to be poison makes room for others.
        while self.leased.len() < *max {
            let picked = pick(tx, queues, max - self.leased.len())?;
            if picked.is_empty() {
                break;
            }
            lease(tx, &picked, &self.wanted, &mut self.leased)?;
        }
        self.revoked = shared::newest(tx.conn)?;
        if self.leased.is_empty() {
            // What should be over and is not (a lease that may not lapse yet) is no reason to spin.
            self.next = next_event(tx.conn, queues)?.map(|at| if at > tx.now { at } else { tx.now + AGAIN });
        }
        Ok(())
    }

    fn end(self: Box<Self>, outcome: Result<()>) {
        let Self { inbox, leased, next, revoked, reply, .. } = *self;
        if outcome.is_ok() && !leased.is_empty() {
            inbox.newest.store(revoked, Ordering::Release);
        }
        // Not there: the claim failed, and its leases were rolled back.
        let answer = match outcome {
            Ok(()) => Ok(Claimed { leased, next, inbox }),
            Err(failure) => Err(failure),
        };
        // When nobody waits any more, the answer is dropped and gives its leases back.
        let _ = reply.send(answer);
    }
}

fn return_lapsed(tx: &Tx<'_>) -> Result<()> {
    let sql = "UPDATE message SET state = 0, owner = 0 WHERE state = 2 AND due <= ?1";
    if tx.execute(sql, [tx.now])? > 0 {
        tx.wake();
        crash::reached(Point::LapseSeen);
    }
    Ok(())
}

/// Makes ready what is due: at the end of its rank, in the order of the due times.
fn promote(tx: &Tx<'_>, queue: i64) -> Result<()> {
    let due: Vec<i64> = {
        let mut select = tx.conn.prepare_cached(
            "SELECT id FROM message WHERE state = 1 AND queue = ?1 AND due <= ?2 ORDER BY due, place LIMIT ?3",
        )?;
        let ids = select.query_map((queue, tx.now, PROMOTED), |row| row.get(0))?;
        ids.collect::<rusqlite::Result<_>>()?
    };
    let any = !due.is_empty();
    for id in due {
        let sql = "UPDATE message SET state = 0, place = ?2, since = due WHERE id = ?1";
        tx.execute(sql, (id, tx.next_place()?))?;
        tx.wake();
    }
    if any {
        crash::reached(Point::Promoting);
    }
    Ok(())
}

/// Who is next: by rank, and within a rank in turn among the queues.
fn pick(tx: &Tx<'_>, queues: &[i64], max: usize) -> Result<Vec<(i64, i64)>> {
    let mut select = tx.conn.prepare_cached(
        "SELECT rank, id FROM message WHERE state = 0 AND queue = ?1 ORDER BY rank, place LIMIT ?2",
    )?;
    let mut candidates = Vec::new();
    for (turn, queue) in queues.iter().enumerate() {
        let mut rows = select.query((queue, max))?;
        let (mut rank, mut before) = (i64::MIN, 0);
        while let Some(row) = rows.next()? {
            let (its, id): (i64, i64) = (row.get(0)?, row.get(1)?);
            before = if its == rank { before + 1 } else { 0 };
            rank = its;
            // By rank, then how many of that rank its queue has before it, then the turn of the queue.
            candidates.push(((rank, before, turn), (id, *queue)));
        }
    }
    if queues.len() > 1 {
        candidates.sort_unstable_by_key(|(order, _)| *order);
        candidates.truncate(max);
    }
    Ok(candidates.into_iter().map(|(_, picked)| picked).collect())
}

/// Leases what was picked; what was delivered too often goes to the dead letters instead.
fn lease(tx: &Tx<'_>, picked: &[(i64, i64)], wanted: &Wanted, leased: &mut Vec<Leased>) -> Result<()> {
    // Read, then written: a statement that answers what it changed makes a table of its own for that.
    let mut read = tx.conn.prepare_cached(
        "SELECT epoch, deliveries, envelope FROM message JOIN payload USING (id) WHERE id = ?1",
    )?;
    let mut update = tx.conn.prepare_cached(
        "UPDATE message SET state = 2, due = ?2, owner = ?3, epoch = ?4, deliveries = ?5 WHERE id = ?1",
    )?;
    let until = tx.now.saturating_add(wanted.lease);
    leased.reserve(picked.len());
    for &(id, queue) in picked {
        let (epoch, before, envelope) = read.query_row([id], |row| {
            Ok((
                row.get::<_, u32>(0)?,
                row.get::<_, u32>(1)?,
                Bytes::copy_from_slice(row.get_ref(2)?.as_blob()?),
            ))
        })?;
        if wanted.max_deliveries > 0 && before >= wanted.max_deliveries {
            let detail = format!("delivered {before} times without an end");
            dead::bury(tx, id, before, &DeadReason::new(DeadKind::Poison, detail))?;
            continue;
        }
        let (epoch, deliveries) = (epoch.saturating_add(1), before.saturating_add(1));
        update.execute((id, until, wanted.owner, epoch, deliveries))?;
        let tag = DeliveryTag { id: id.cast_unsigned(), epoch };
        leased.push(Leased { tag, queue, deliveries, envelope });
    }
    Ok(())
}

/// When a delayed message is due or any lease lapses, whichever comes first.
fn next_event(conn: &Connection, queues: &[i64]) -> Result<Option<i64>> {
    let mut due =
        conn.prepare_cached("SELECT due FROM message WHERE state = 1 AND queue = ?1 ORDER BY due LIMIT 1")?;
    let mut lapse = conn.prepare_cached("SELECT due FROM message WHERE state = 2 ORDER BY due LIMIT 1")?;
    let mut next: Option<i64> = lapse.query_row([], |row| row.get(0)).optional()?;
    for queue in queues {
        let at: Option<i64> = due.query_row([queue], |row| row.get(0)).optional()?;
        next = next.into_iter().chain(at).min();
    }
    Ok(next)
}

/// What a claim ends with when the store was closed before it was answered.
pub(super) fn unanswered() -> Failure {
    Failure::closed()
}
