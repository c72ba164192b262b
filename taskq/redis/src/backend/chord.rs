//! Chords as Celery 5.7 counts them: the same keys, the same values, the same claim, so that Python and Rust
//! workers may count the members of one chord.
//!
//! Kept true here: counting a member and claiming the body are one step on the server.

use std::{collections::HashSet, fmt, sync::Arc, time::Duration};

use redis::{Cmd, Pipeline};
use taskq_core::{
    BoxFuture,
    backend::{
        BackendError, CHORD_PUBLISHING, ChordClaim, ChordCopy, ChordHeader, ChordMember, ChordPart,
        ChordProgress, ChordStart, ChordStore, State, StoredError, TaskOutput,
    },
    codec::{Value, json},
    protocol::TaskId,
};

use super::Inner;
use crate::{error, script};

/// The shortest claim.
const SHORTEST_CLAIM: Duration = Duration::from_secs(5);
/// How long a claim lasts while the body is published, at least, in seconds.
const PUBLISHING: u64 = CHORD_PUBLISHING.as_secs();
/// How long members that come late are told that the body was sent, at least, in seconds.
const DONE: u64 = 300;

/// The chords of a backend.
pub(super) struct Chords(pub(super) Arc<Inner>);

impl fmt::Debug for Chords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chords(`{}`)", self.0.link.shown())
    }
}

impl Chords {
    fn key(&self, group: &str, part: &str) -> String {
        format!("{}{part}", self.0.group_key(group))
    }

    /// Seconds that counters are kept; 0 is for ever.
    fn expires(&self) -> u64 {
        let options = &self.0.options;
        seconds(options.chord_expires.or(options.expires))
    }

    /// Seconds that a saved group is kept, which callers read too; 0 is for ever.
    fn group_expires(&self) -> u64 {
        match (self.expires(), seconds(self.0.options.expires)) {
            (0, _) | (_, 0) => 0,
            (chord, results) => chord.max(results),
        }
    }

    fn claim_seconds(&self) -> u64 {
        self.0.options.chord_join_timeout.saturating_mul(2).max(SHORTEST_CLAIM).as_secs()
    }

    fn set(&self, key: String, value: &[u8]) -> Cmd {
        let mut set = redis::cmd("SET");
        set.arg(key).arg(value);
        let expires = self.expires();
        if expires > 0 {
            set.arg("EX").arg(expires);
        }
        set
    }

    /// Nobody counts in a header that failed, so reading before writing is no race.
    async fn open_again(&self, group: &str, members: &[TaskId]) -> Result<(), BackendError> {
        let (results, counted, size) = (self.key(group, ".j"), self.key(group, ".d"), self.key(group, ".s"));
        let ordered = self.0.options.chord_ordered;
        let mut read = Pipeline::new();
        read.cmd(if ordered { "ZRANGE" } else { "LRANGE" }).arg(&results).arg(0).arg(-1);
        read.cmd("SMEMBERS").arg(&counted);
        read.cmd("GET").arg(self.key(group, ".t"));
        type Found = (Vec<Vec<u8>>, Vec<String>, Option<usize>);
        let (stored, marks, added): Found =
            self.0.link.pipe("read a chord", &read).await.map_err(error::backend)?;
        let all = stored.len().saturating_sub(added.unwrap_or(0));
        let members: HashSet<&TaskId> = members.iter().collect();
        let mut open = Pipeline::new();
        open.atomic();
        for bytes in stored {
            if members.contains(&self.decode(group, bytes.clone())?.id) {
                match ordered {
                    true => open.cmd("ZREM").arg(&results).arg(bytes).ignore(),
                    false => open.cmd("LREM").arg(&results).arg(1).arg(bytes).ignore(),
                };
            }
        }
        let failed =
            |mark: &&String| mark.rsplit_once(':').is_some_and(|(id, _)| members.contains(&TaskId::from(id)));
        for mark in marks.iter().filter(failed) {
            open.cmd("SREM").arg(&counted).arg(mark).ignore();
        }
        open.cmd("DEL").arg(self.key(group, ".c")).arg(self.key(group, ".r")).ignore();
        open.cmd("SET").arg(&size).arg(all).arg("NX").ignore();
        if self.expires() > 0 {
            open.cmd("EXPIRE").arg(&size).arg(self.expires()).ignore();
        }
        self.0.link.pipe("open a chord again", &open).await.map_err(error::backend)
    }

    async fn start(&self, chords: &[ChordStart]) -> Result<(), BackendError> {
        let mut pipeline = Pipeline::new();
        for chord in chords {
            pipeline.cmd("DEL").arg(self.key(&chord.group, ".c")).ignore();
            if let Some(group) = &chord.save {
                let stored = self.0.encode_group(group)?;
                pipeline.add_command(self.set(self.0.group_key(&group.id), &stored)).ignore();
            }
            let size = chord.size.to_string();
            pipeline.add_command(self.set(self.key(&chord.group, ".s"), size.as_bytes())).ignore();
        }
        if pipeline.is_empty() {
            return Ok(());
        }
        self.0.link.pipe("start chords", &pipeline).await.map_err(error::backend)
    }

    fn count_one(&self, part: &ChordPart<'_>, token: &str) -> Result<Cmd, BackendError> {
        let key = |name| self.key(part.group, name);
        let mut count = script::call(&script::CHORD_COUNT, 7);
        count.arg(key(".j")).arg(key(".t")).arg(key(".s")).arg(key(".d")).arg(key("")).arg(key(".c"));
        count.arg(key(".r"));
        count.arg(part.id.as_str()).arg(&self.encode(part)?[..]).arg(u8::from(self.0.options.chord_ordered));
        count.arg(part.index.map_or_else(|| "+inf".to_owned(), |index| index.to_string()));
        count.arg(self.expires()).arg(self.group_expires()).arg(self.claim_seconds()).arg(token);
        Ok(count)
    }

    /// `[1, id, state, result]`, in the format of results.
    fn encode(&self, part: &ChordPart<'_>) -> Result<Vec<u8>, BackendError> {
        let result = match &part.meta.output {
            TaskOutput::Json(text) => json::from_slice(text).map_err(|error| unwritable(part.id, error))?,
            TaskOutput::Value(value) => value.clone(),
            TaskOutput::Error(error) => error.to_value(),
        };
        let tuple =
            Value::List(vec![1.into(), part.id.as_str().into(), part.meta.state.as_str().into(), result]);
        self.0.pack(&tuple).map(|bytes| bytes.to_vec()).map_err(|error| unwritable(part.id, error))
    }

    fn decode(&self, group: &str, stored: Vec<u8>) -> Result<ChordMember, BackendError> {
        let unreadable =
            |why: &str| BackendError::permanent(format!("a result of chord `{group}` cannot be read: {why}"));
        let value = self.0.unpack(stored).map_err(|error| unreadable(&error.to_string()))?;
        let Value::List(tuple) = value else { return Err(unreadable("it is no list")) };
        let Ok([_, Value::Str(id), Value::Str(state), result]) = <[Value; 4]>::try_from(tuple) else {
            return Err(unreadable("it is not `[1, id, state, result]`"));
        };
        let state = State::from(state.as_str());
        let output = match StoredError::from_value(&result) {
            Some(error) if state.is_exception() => TaskOutput::Error(error),
            _ => TaskOutput::Value(result),
        };
        Ok(ChordMember { id: TaskId::from(id), state, output })
    }

    async fn count(&self, parts: &[ChordPart<'_>]) -> Result<Vec<ChordProgress>, BackendError> {
        let mut pipeline = Pipeline::new();
        let tokens: Vec<String> = parts.iter().map(|_| TaskId::new().to_string()).collect();
        for (part, token) in parts.iter().zip(&tokens) {
            pipeline.add_command(self.count_one(part, token)?);
        }
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let answers: Vec<Vec<Vec<u8>>> =
            script::pipe(&self.0.link, "count members of chords", &pipeline).await.map_err(error::backend)?;
        parts
            .iter()
            .zip(tokens)
            .zip(answers)
            .map(|((part, token), answer)| self.progress(part.group, token, answer))
            .collect()
    }

    fn progress(
        &self,
        group: &str,
        token: String,
        answer: Vec<Vec<u8>>,
    ) -> Result<ChordProgress, BackendError> {
        let mut answer = answer.into_iter();
        let (what, run) = (answer.next(), answer.next().unwrap_or_default());
        let header = match what.as_deref() {
            Some(b"done") => return Ok(ChordProgress::Done),
            Some(b"busy") => return Ok(ChordProgress::Busy),
            Some(b"saved") => {
                ChordHeader::Saved(self.0.decode_group(group, answer.next().unwrap_or_default())?)
            }
            Some(b"members") => ChordHeader::Members(
                answer.map(|stored| self.decode(group, stored)).collect::<Result<_, _>>()?,
            ),
            _ => return Ok(ChordProgress::Counted),
        };
        let run = String::from_utf8_lossy(&run).into_owned();
        Ok(ChordProgress::Claimed(ChordClaim { group: group.to_owned(), run, token, header }))
    }

    async fn renew(&self, claim: &ChordClaim) -> Result<bool, BackendError> {
        let mut renew = script::call(&script::CHORD_RENEW, 2);
        renew.arg(self.key(&claim.group, ".c")).arg(self.key(&claim.group, ".s"));
        renew.arg(&claim.token).arg(self.claim_seconds().max(PUBLISHING));
        script::run(&self.0.link, "renew the claim on a chord", &renew).await.map_err(error::backend)
    }

    async fn finish(&self, claim: &ChordClaim) -> Result<bool, BackendError> {
        let mut finish = script::call(&script::CHORD_FINISH, 6);
        for part in [".c", ".j", ".t", ".s", ".d", ".r"] {
            finish.arg(self.key(&claim.group, part));
        }
        finish.arg(&claim.token).arg((self.claim_seconds() * 2).max(DONE));
        script::run(&self.0.link, "finish a chord", &finish).await.map_err(error::backend)
    }

    async fn take(&self, copy: &ChordCopy) -> Result<bool, BackendError> {
        let mut take = script::call(&script::CHORD_TAKE, 1);
        take.arg(self.key(&copy.group, ".b"));
        take.arg(copy.place).arg(&copy.run).arg(&copy.token).arg(self.group_expires());
        script::run(&self.0.link, "take what ends a chord", &take).await.map_err(error::backend)
    }
}

fn seconds(duration: Option<Duration>) -> u64 {
    duration.map_or(0, |duration| duration.as_secs())
}

fn unwritable(id: &TaskId, error: taskq_core::codec::CodecError) -> BackendError {
    BackendError::permanent(format!("could not write the result of `{id}` for its chord")).caused_by(error)
}

impl ChordStore for Chords {
    fn start<'a>(&'a self, chords: &'a [ChordStart]) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(self.start(chords))
    }

    fn grow<'a>(&'a self, group: &'a str, by: u32) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let mut grow = redis::cmd("INCRBY");
            grow.arg(self.key(group, ".t")).arg(by);
            self.0.link.run("add to a chord", &grow).await.map_err(error::backend)
        })
    }

    fn count<'a>(
        &'a self,
        parts: &'a [ChordPart<'a>],
    ) -> BoxFuture<'a, Result<Vec<ChordProgress>, BackendError>> {
        Box::pin(self.count(parts))
    }

    fn renew<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(self.renew(claim))
    }

    fn finish<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(self.finish(claim))
    }

    fn release<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let mut release = script::call(&script::CHORD_RELEASE, 1);
            release.arg(self.key(&claim.group, ".c")).arg(&claim.token);
            let what = "release the claim on a chord";
            script::run(&self.0.link, what, &release).await.map_err(error::backend)
        })
    }

    fn reopen<'a>(
        &'a self,
        group: &'a str,
        members: &'a [TaskId],
    ) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(self.open_again(group, members))
    }

    fn take<'a>(&'a self, copy: &'a ChordCopy) -> BoxFuture<'a, Result<bool, BackendError>> {
        Box::pin(self.take(copy))
    }

    fn fail<'a>(&'a self, claim: &'a ChordClaim) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(async move {
            let mut fail = script::call(&script::CHORD_FAIL, 2);
            fail.arg(self.key(&claim.group, ".c")).arg(self.key(&claim.group, ".s")).arg(&claim.token);
            script::run(&self.0.link, "fail a chord", &fail).await.map_err(error::backend)
        })
    }
}
