//! The scripts. Each file says at its top what its keys, arguments and answer are.
//!
//! Scripts are sent by digest; a server that does not know one (restarted, another after fail-over) gets them
//! all again.

use std::sync::LazyLock;

use redis::{Cmd, FromRedisValue, Pipeline, Value};
use taskq_core::broker::BrokerError;

use crate::conn::Link;

/// A script and its digest.
pub(crate) struct Script {
    code: &'static str,
    hash: String,
}

impl Script {
    fn new(code: &'static str) -> Self {
        Self { code, hash: redis::Script::new(code).get_hash().to_owned() }
    }
}

/// Makes each script a static, and all of them a list for loading: one place to add one.
macro_rules! scripts {
    ($($name:ident = $($file:literal),+;)*) => {
        $(pub(crate) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(concat!($(include_str!($file)),+)));)*

        /// All of them, for loading.
        static ALL: &[&LazyLock<Script>] = &[$(&$name),*];
    };
}

scripts! {
    TAKE = "scripts/mirrored.lua", "scripts/take.lua";
    ACK = "scripts/ack.lua";
    SETTLE = "scripts/mirrored.lua", "scripts/settle.lua";
    MIRROR_NAME = "scripts/mirrored.lua", "scripts/mirror_name.lua";
    EXTEND = "scripts/extend.lua";
    EXPIRED = "scripts/expired.lua";
    RESTORE_UNACKED = "scripts/restore_unacked.lua";
    PICK = "scripts/pick.lua";
    STORE = "scripts/store.lua";
    LEAD = "scripts/lead.lua";
    RESIGN = "scripts/resign.lua";
    TICK = "scripts/tick.lua";
    CONFIRM = "scripts/confirm.lua";
    DECLARE = "scripts/declare.lua";
    RATE = "scripts/rate.lua";
    REMEMBER = "scripts/remember.lua";
    CHORD_COUNT = "scripts/chord_count.lua";
    CHORD_RENEW = "scripts/chord_renew.lua";
    CHORD_FINISH = "scripts/chord_finish.lua";
    CHORD_FAIL = "scripts/chord_fail.lua";
    CHORD_RELEASE = "scripts/chord_release.lua";
    CHORD_TAKE = "scripts/chord_take.lua";
    FAILED_REPLACE = "scripts/failed_replace.lua";
}

const EVALSHA: &str = "EVALSHA";

/// The command that runs a script, without keys and arguments.
pub(crate) fn call(script: &Script, keys: usize) -> Cmd {
    call_sized(script, keys, 0, 0)
}

/// The same with room for so many keys and arguments, which are so long together.
pub(crate) fn call_sized(script: &Script, keys: usize, count: usize, bytes: usize) -> Cmd {
    // The number of keys has a few digits.
    let mut command = Cmd::with_capacity(3 + count, EVALSHA.len() + script.hash.len() + 4 + bytes);
    command.arg(EVALSHA).arg(&script.hash).arg(keys);
    command
}

fn is_unknown(error: &BrokerError) -> bool {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<redis::RedisError>())
        .is_some_and(|error| error.code() == Some("NOSCRIPT"))
}

/// The commands that load every script.
pub(crate) fn loading() -> Pipeline {
    let mut pipeline = Pipeline::new();
    for script in ALL {
        pipeline.cmd("SCRIPT").arg("LOAD").arg(script.code).ignore();
    }
    pipeline
}

/// Loads every script.
async fn load(link: &Link) -> Result<(), BrokerError> {
    link.pipe("load scripts", &loading()).await
}

/// Runs a pipeline whose commands call scripts.
pub(crate) async fn pipe<T: FromRedisValue>(
    link: &Link,
    what: &str,
    pipeline: &Pipeline,
) -> Result<T, BrokerError> {
    match link.pipe(what, pipeline).await {
        // Connections load the scripts, so somebody has flushed them.
        Err(error) if is_unknown(&error) => {
            load(link).await?;
            link.pipe(what, pipeline).await
        }
        answer => answer,
    }
}

/// Runs a pipeline whose commands call scripts, each with an answer of its own, which may be an error.
pub(crate) async fn each(link: &Link, what: &str, pipeline: &Pipeline) -> Result<Vec<Value>, BrokerError> {
    let mut answers = link.each(what, pipeline).await?;
    let unknown = |answer: &Value| matches!(answer, Value::ServerError(error) if error.code() == "NOSCRIPT");
    if answers.iter().any(unknown) {
        load(link).await?;
        let mut again = Pipeline::new();
        for (command, _) in pipeline.cmd_iter().zip(&answers).filter(|(_, answer)| unknown(answer)) {
            again.add_command(command.clone());
        }
        let second = link.each(what, &again).await?;
        answers.iter_mut().filter(|answer| unknown(answer)).zip(second).for_each(|(old, new)| *old = new);
    }
    Ok(answers)
}

/// Runs a command that calls a script.
pub(crate) async fn run<T: FromRedisValue>(link: &Link, what: &str, command: &Cmd) -> Result<T, BrokerError> {
    match link.run(what, command).await {
        Err(error) if is_unknown(&error) => {
            load(link).await?;
            link.run(what, command).await
        }
        answer => answer,
    }
}
