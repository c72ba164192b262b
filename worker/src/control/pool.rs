//! The pool: `pool_grow`, `pool_shrink`, `pool_restart`, `autoscale`.

use taskq_core::{backend::StoredError, codec::Value, control::ok};

use super::{
    args::{Args, value_error},
    panel::{Done, Panel},
};
use crate::autoscale::{fit_prefetch, resize};

/// The most slots that one command may add.
const MOST: f64 = 10_000.0;

pub(super) fn grow(panel: &Panel, args: &Args<'_>) -> Done {
    let by = by(args)?;
    if panel.node.tuning.is_solo {
        return Err(value_error("a solo pool runs one task at a time: start the worker with `-P threads`"));
    }
    change(panel, by);
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

fn change(panel: &Panel, by: isize) {
    if let Some(autoscale) = &panel.node.autoscale {
        autoscale.include(panel.pool.slots().saturating_add_signed(by).max(1));
    }
    resize(&panel.node, &panel.pool, by);
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

/// Other bounds for a pool that follows its work; it is within them by the next second.
pub(super) fn autoscale(panel: &Panel, args: &Args<'_>) -> Done {
    args.only(&["max", "min"])?;
    let Some(autoscale) = &panel.node.autoscale else { return Err(value_error("Autoscale not enabled")) };
    let bound = |name| {
        let slots = args.number(name)?;
        match slots.filter(|slots| !(0.0..=MOST).contains(slots)) {
            Some(_) => Err(args.wrong(name, args.get(name).unwrap_or(&Value::Null), "a number of slots")),
            None => Ok(slots.map(|slots| slots as usize)),
        }
    };
    let (max, min) = autoscale.set(bound("max")?, bound("min")?).map_err(value_error)?;
    fit_prefetch(&panel.node, &panel.pool);
    Ok(ok(format!("autoscale now max={max} min={min}")))
}
