//! Claiming ticks: one script call each, all in one round trip.

use redis::{Cmd, Pipeline};
use taskq_core::{
    broker::BrokerError,
    schedule::{Claim, HISTORY, Tick, TickRecord},
};

use crate::{
    broker::{
        Shared,
        publish::{self, Write},
    },
    script::{self, TICK},
};

pub(super) async fn claim(
    shared: &Shared,
    publishes: bool,
    token: u64,
    ticks: &[Tick],
) -> Result<Vec<Claim>, BrokerError> {
    if ticks.is_empty() {
        return Ok(Vec::new());
    }
    let mut pipeline = Pipeline::with_capacity(ticks.len());
    for tick in ticks {
        pipeline.add_command(command(shared, publishes, token, tick).await?);
    }
    let answers: Vec<i64> = script::pipe(&shared.link, "claim ticks", &pipeline).await?;
    Ok(answers
        .into_iter()
        .map(|answer| match answer {
            1 => Claim::Won,
            0 => Claim::Lost,
            _ => Claim::Fenced,
        })
        .collect())
}

async fn command(shared: &Shared, publishes: bool, token: u64, tick: &Tick) -> Result<Cmd, BrokerError> {
    let keys = &shared.keys;
    let mut lists = vec![keys.schedule("leader")];
    lists.extend(["state", "history", "backfilled"].map(|part| keys.schedule_entry(part, &tick.entry)));
    let mut args: Vec<Vec<u8>> = Vec::new();
    let text = |text: &str| text.as_bytes().to_vec();
    if let Some(message) = tick.message.as_deref().filter(|_| publishes) {
        for write in publish::writes(shared, message).await? {
            let (what, list, score, message) = match write {
                Write::Push { list, message } => ("L", list, String::new(), message.to_vec()),
                Write::Delay { set, due, member } => ("Z", set, due.to_string(), member),
                Write::Fanout { channel, message } => ("P", channel, String::new(), message.to_vec()),
            };
            lists.push(list);
            args.extend([text(what), text(&score), message]);
        }
    }
    let mut command = script::call(&TICK, lists.len());
    command.arg(lists).arg(token).arg(tick.kind.name()).arg(tick.due.as_microsecond());
    command.arg(tick.after.map(|at| at.as_microsecond().to_string()).unwrap_or_default());
    command.arg(tick.at.as_microsecond()).arg(tick.task.as_str());
    command.arg(TickRecord::of(tick).to_line()).arg(HISTORY).arg(args);
    Ok(command)
}
