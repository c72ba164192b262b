//! The pool: `pool_grow`, `pool_shrink`, `pool_restart`, `autoscale`.

use taskq_core::{backend::StoredError, codec::Value, control::ok};

use super::{
    args::{Args, value_error},
    panel::{Done, Panel},
};

/// The most slots that one command may add.
const MOST: f64 = 10_000.0;

pub(super) fn grow(panel: &Panel, args: &Args<'_>) -> Done {
    change(panel, by(args)?);
    Ok(ok("pool will grow"))
}

pub(super) fn shrink(panel: &Panel, args: &Args<'_>) -> Done {
    let (by, slots) = (by(args)?, panel.pool.slots());
    if by.unsigned_abs() >= slots {
        return Err(value_error(format!("a pool of {slots} cannot shrink by {by}: nothing would run")));
    }
    change(panel, -by);
    Ok(ok("pool will shrink"))
}

fn by(args: &Args<'_>) -> Result<isize, StoredError> {
    let by = args.number("n")?.unwrap_or(1.0);
    if !(0.0..=MOST).contains(&by) {
        return Err(args.wrong("n", args.get("n").unwrap_or(&Value::Null), "a number of slots"));
    }
    Ok(by as isize)
}

/// What may be held grows and shrinks with the slots.
fn change(panel: &Panel, by: isize) {
    let tuning = panel.node.tuning;
    panel.pool.resize(by);
    if let Some(crew) = &panel.node.crew {
        crew.resize(panel.pool.slots());
    }
    let per_slot = (tuning.prefetch / tuning.concurrency).max(1);
    panel.node.resize_prefetch(by.saturating_mul(isize::try_from(per_slot).unwrap_or(1)));
}

/// Children are replaced. Without them there is nothing to restart: tasks are compiled in, and threads keep
/// nothing.
pub(super) fn restart(panel: &Panel) -> Done {
    if panel.node.app.settings().worker_pool_restarts {
        if let Some(crew) = &panel.node.crew {
            crew.restart();
        }
        Ok(ok("reload started"))
    } else {
        Err(value_error("Pool restarts not enabled"))
    }
}

pub(super) fn autoscale(args: &Args<'_>) -> Done {
    args.only(&["max", "min"])?;
    Err(value_error("Autoscale not enabled"))
}
