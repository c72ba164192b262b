//! A history as bytes: what merging needs, and apart from that the texts, which are kept for less time.
//!
//! Kept true here: what is read back is what was written; without the texts it still merges.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    call::{Call, Said},
    history::History,
    mark::{End, Mark, Step},
};

/// The first byte. Raised when the rest changes.
const VERSION: u8 = 1;
/// Texts shorter than this are not worth compressing.
const SHORT: usize = 256;
const LEVEL: i32 = 1;
/// Whether texts are compressed.
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
/// More than any texts that were written.
const LARGEST: usize = 256 << 20;

const STEPS: [Step; 9] = [
    Step::Sent,
    Step::Received,
    Step::Started,
    Step::Custom,
    Step::Rejected,
    Step::Retried,
    Step::Revoked,
    Step::Failed,
    Step::Succeeded,
];

/// A mark: time, step, host, logical time, flags, retries, eta, and of its end the run time, signal and state.
type PackedMark = (f64, u8, u16, u64, u8, Option<u32>, Option<f64>, Option<PackedEnd>);
/// By number of the mark: result, exception, traceback.
type EndTexts = (u16, Option<String>, Option<String>, Option<String>);
/// Run time, signal and state.
type PackedEnd = (Option<f64>, Option<i64>, Option<String>);

const INFERRED: u8 = 1;
const TERMINATED: u8 = 2;
const EXPIRED: u8 = 4;
const REQUEUE: u8 = 8;

#[derive(Serialize, Deserialize)]
struct Bones {
    hosts: Vec<Arc<str>>,
    marks: Vec<PackedMark>,
    sent: Option<Call>,
    received: Option<Call>,
    /// The call that was received is the one that was sent, but for where it was routed.
    as_sent: Option<(f64, Arc<str>)>,
    answered: Option<Call>,
}

#[derive(Default, Serialize, Deserialize)]
struct Texts {
    /// Arguments of the three calls.
    calls: [(Option<String>, Option<String>); 3],
    ends: Vec<EndTexts>,
}

/// A history as bytes.
pub(crate) struct Packed {
    pub(crate) bones: Vec<u8>,
    /// `None` when there are none.
    pub(crate) texts: Option<Vec<u8>>,
}

impl History {
    /// As bytes.
    pub(crate) fn pack(&self) -> Packed {
        let mut texts = Texts::default();
        let mut hosts: Vec<Arc<str>> = Vec::new();
        let mut marks = Vec::with_capacity(self.marks.len());
        for (number, mark) in self.marks.iter().enumerate() {
            let host = hosts.iter().position(|host| *host == mark.host).unwrap_or_else(|| {
                hosts.push(Arc::clone(&mark.host));
                hosts.len() - 1
            });
            if let Some(end) = &mark.end
                && (end.result.is_some() || end.exception.is_some() || end.traceback.is_some())
            {
                let [result, exception, traceback] =
                    [&end.result, &end.exception, &end.traceback].map(Clone::clone);
                texts.ends.push((number as u16, result, exception, traceback));
            }
            marks.push(pack_mark(mark, host as u16));
        }
        let as_sent = match (&self.sent, &self.received) {
            (Some(sent), Some(received)) if received.said == unrouted(&sent.said) => {
                Some((received.at, Arc::clone(&received.host)))
            }
            _ => None,
        };
        let mut strip = |at: usize, call: &Option<Call>| {
            let mut call = call.clone()?;
            texts.calls[at] = (call.said.args.take(), call.said.kwargs.take());
            Some(call)
        };
        let bones = Bones {
            hosts,
            marks,
            sent: strip(0, &self.sent),
            received: if as_sent.is_some() { None } else { strip(1, &self.received) },
            as_sent,
            answered: strip(2, &self.answered),
        };
        let mut bytes = vec![VERSION];
        // Cannot fail: nothing in it refuses to be written.
        if rmp_serde::encode::write(&mut bytes, &bones).is_err() {
            bytes.truncate(1);
        }
        let none = texts.ends.is_empty()
            && texts.calls.iter().all(|(args, kwargs)| args.is_none() && kwargs.is_none());
        Packed { bones: bytes, texts: (!none).then(|| pack_texts(&texts)) }
    }

    /// From bytes. `None` when they are of a newer version or damaged.
    pub(crate) fn unpack(bones: &[u8], texts: Option<&[u8]>) -> Option<Self> {
        let (&VERSION, bones) = bones.split_first()? else { return None };
        let bones: Bones = rmp_serde::from_slice(bones).ok()?;
        let mut marks = Vec::with_capacity(bones.marks.len());
        for mark in bones.marks {
            marks.push(unpack_mark(mark, &bones.hosts)?);
        }
        let mut history = Self {
            marks,
            sent: bones.sent,
            received: bones.received,
            answered: bones.answered,
            payload_dropped: false,
        };
        if let Some(texts) = texts {
            put(&mut history, unpack_texts(texts)?);
        }
        if let Some((at, host)) = bones.as_sent {
            let said = unrouted(&history.sent.as_ref()?.said);
            history.received = Some(Call { at, host, said });
        }
        Some(history)
    }
}

/// The same call, without what a receiver does not tell.
fn unrouted(said: &Said) -> Said {
    Said { queue: None, exchange: None, routing_key: None, ..said.clone() }
}

fn pack_mark(mark: &Mark, host: u16) -> PackedMark {
    let mut flags = if mark.inferred { INFERRED } else { 0 };
    let end = mark.end.as_ref().map(|end| {
        for (is, flag) in [(end.terminated, TERMINATED), (end.expired, EXPIRED), (end.requeue, REQUEUE)] {
            flags |= if is { flag } else { 0 };
        }
        (end.runtime, end.signal, end.custom.clone())
    });
    (mark.at, mark.step as u8, host, mark.clock, flags, mark.retries, mark.eta, end)
}

fn unpack_mark(packed: PackedMark, hosts: &[Arc<str>]) -> Option<Mark> {
    let (at, step, host, clock, flags, retries, eta, end) = packed;
    let end = end.map(|(runtime, signal, custom)| {
        Box::new(End {
            runtime,
            signal,
            custom,
            terminated: flags & TERMINATED != 0,
            expired: flags & EXPIRED != 0,
            requeue: flags & REQUEUE != 0,
            ..End::default()
        })
    });
    Some(Mark {
        at,
        step: *STEPS.get(usize::from(step))?,
        host: Arc::clone(hosts.get(usize::from(host))?),
        clock,
        inferred: flags & INFERRED != 0,
        retries,
        eta,
        end,
    })
}

fn put(history: &mut History, texts: Texts) {
    let calls = [&mut history.sent, &mut history.received, &mut history.answered];
    for (call, (args, kwargs)) in calls.into_iter().zip(texts.calls) {
        if let Some(call) = call {
            (call.said.args, call.said.kwargs) = (args, kwargs);
        }
    }
    for (number, result, exception, traceback) in texts.ends {
        if let Some(mark) = history.marks.get_mut(usize::from(number)) {
            let end = mark.end.get_or_insert_default();
            (end.result, end.exception, end.traceback) = (result, exception, traceback);
        }
    }
}

fn pack_texts(texts: &Texts) -> Vec<u8> {
    let plain = rmp_serde::to_vec(texts).unwrap_or_default();
    if plain.len() >= SHORT
        && let Ok(packed) = zstd::bulk::compress(&plain, LEVEL)
        && packed.len() < plain.len()
    {
        return [&[ZSTD], (plain.len() as u32).to_le_bytes().as_slice(), &packed].concat();
    }
    [&[PLAIN], plain.as_slice()].concat()
}

fn unpack_texts(bytes: &[u8]) -> Option<Texts> {
    match bytes.split_first()? {
        (&PLAIN, plain) => rmp_serde::from_slice(plain).ok(),
        (&ZSTD, rest) => {
            let (size, packed) = rest.split_first_chunk()?;
            let size = u32::from_le_bytes(*size) as usize;
            let plain = zstd::bulk::decompress(packed, size.min(LARGEST)).ok()?;
            rmp_serde::from_slice(&plain).ok()
        }
        _ => None,
    }
}
