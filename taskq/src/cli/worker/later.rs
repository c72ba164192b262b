//! Options of Celery's worker that taskq's has not (yet): refused with a way out, never ignored.

use clap::Args;

use super::super::Failure;

/// Options that are known and refused.
#[derive(Args, Debug, Default)]
pub(super) struct Later {
    #[arg(short = 's', long, visible_alias = "schedule-filename", hide = true)]
    schedule: Option<String>,
    #[arg(long, hide = true)]
    scheduler: Option<String>,
    #[arg(short = 'S', long, hide = true)]
    statedb: Option<String>,
    #[arg(short = 'D', long, hide = true)]
    detach: bool,
    #[arg(long, hide = true)]
    pidfile: Option<String>,
    #[arg(long, hide = true)]
    uid: Option<String>,
    #[arg(long, hide = true)]
    gid: Option<String>,
    #[arg(long, hide = true)]
    umask: Option<String>,
    #[arg(long, hide = true)]
    executable: Option<String>,
    #[arg(long, hide = true)]
    pool_start_method: Option<String>,
}

const SERVICE: &str = "let a service manager (systemd, a container) run the worker in the foreground";
const BEAT: &str = "entries are kept where the setting `beat_store` says";
const STATE: &str = "what is revoked is kept in the broker's server or beside the results";
const START: &str = "children of `-P processes` are always started afresh";

impl Later {
    pub(super) fn refuse(&self) -> Result<(), Failure> {
        let given = [
            (self.schedule.is_some(), "--schedule", BEAT),
            (self.scheduler.is_some(), "--scheduler", BEAT),
            (self.statedb.is_some(), "--statedb", STATE),
            (self.detach, "--detach", SERVICE),
            (self.pidfile.is_some(), "--pidfile", SERVICE),
            (self.uid.is_some(), "--uid", SERVICE),
            (self.gid.is_some(), "--gid", SERVICE),
            (self.umask.is_some(), "--umask", SERVICE),
            (self.executable.is_some(), "--executable", "a taskq worker is the program itself"),
            (self.pool_start_method.is_some(), "--pool-start-method", START),
        ];
        match given.into_iter().find(|(given, ..)| *given) {
            Some((_, option, way_out)) => {
                Err(Failure::usage(format!("`{option}` is not offered by this worker")).hint(way_out))
            }
            None => Ok(()),
        }
    }
}
