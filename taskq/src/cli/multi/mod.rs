//! `multi`: several workers on this machine, without a service manager (Celery: `celery multi`).
//!
//! Kept true here: one name has one worker; a worker that is told to stop finishes what it runs, and nothing here kills
//! one but `kill`; what a command did to each worker is said, and its exit code says whether all of it worked.

mod names;
mod process;

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use nix::sys::signal::Signal;
use serde_json::{Value as Json, json};
use taskq_core::app::hostname;

use self::process::{Node, Started};
use super::{Exit, Failure, Session};

/// How long `restart` and `stopwait` wait, unless told otherwise.
const PATIENCE: f64 = 600.0;

const EXAMPLES: &str = "\
A number stands for so many names, w1 to wN. An option for some of them only has their names, or their numbers, behind
a colon.

  multi start 3 -- -Q high,low -c 4
  multi start web mail -- -l INFO -Q:web pages -Q:mail letters -c:mail 1
  multi restart 3 --pidfile run/%n.pid --logfile log/%n.log -- -c 8";

/// Start, stop and restart several workers on this machine, in the background
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Multi {
    /// What to do with them
    action: Action,

    /// Their names, or how many
    #[arg(required = true, value_name = "NAMES")]
    names: Vec<String>,

    /// Their process ids; `%n` is the name, `%h` the host
    #[arg(long, value_name = "FILE", default_value = "%n.pid")]
    pidfile: String,

    /// Their logs
    #[arg(long, value_name = "FILE", default_value = "%n.log")]
    logfile: String,

    /// How long `stopwait` and `restart` wait for running tasks
    #[arg(long, value_name = "SECONDS", default_value_t = PATIENCE)]
    wait: f64,

    /// Options of `worker`; `-Q:NAME high` for one of them, `-c:1-3 8` for the first three
    #[arg(last = true, value_name = "OPTIONS", allow_hyphen_values = true)]
    options: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Start those that do not run
    Start,
    /// Tell them to stop when their running tasks are done
    Stop,
    /// The same, and wait until they are gone
    Stopwait,
    /// Stop them, wait, and start them
    Restart,
    /// Kill them: what they ran runs elsewhere when its lease lapses
    Kill,
    /// Say which of them run
    Show,
    /// Print their node names
    Names,
}

impl Multi {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let nodes = self.nodes()?;
        let wait = Duration::try_from_secs_f64(self.wait)
            .map_err(|_| Failure::usage(format!("`--wait {}` is no time", self.wait)))?;
        let mut said = Vec::new();
        for node in &nodes {
            said.push((node, self.act(node, wait).await?));
        }
        let failed = said.iter().filter(|(_, (ok, _))| !ok).count();
        session.out.print(
            || {
                Json::from_iter(
                    said.iter().map(|(node, (ok, what))| (node.name.clone(), self.document(node, *ok, what))),
                )
            },
            |style| {
                let line = |(node, (ok, what)): &(&Node, (bool, String))| match (self.action, ok) {
                    (Action::Names, _) => node.name.clone(),
                    (_, true) => format!("{}: {}", node.name, style.good(what)),
                    (_, false) => format!("{}: {}", node.name, style.bad(what)),
                };
                said.iter().map(line).collect::<Vec<_>>().join("\n")
            },
        )?;
        match failed {
            0 => Ok(()),
            failed => {
                Err(Failure::new(Exit::Failed, format!("{failed} of {} workers: see above", nodes.len())))
            }
        }
    }

    fn nodes(&self) -> Result<Vec<Node>, Failure> {
        let host = hostname();
        let names = names::expand(&self.names, &host)?;
        let options = names::options(&self.options, &names)?;
        let path = |template: &str, name: &str| {
            let short = name.split('@').next().unwrap_or(name);
            PathBuf::from(template.replace("%n", short).replace("%h", &host).replace("%%", "%"))
        };
        let all: Vec<Node> = names
            .iter()
            .zip(options)
            .map(|(name, options)| Node {
                name: name.clone(),
                pidfile: path(&self.pidfile, name),
                logfile: path(&self.logfile, name),
                options,
            })
            .collect();
        let shared = |other: &Node| all.iter().filter(|node| node.pidfile == other.pidfile).count() > 1;
        match all.iter().find(|node| shared(node)) {
            Some(node) => Err(Failure::usage(format!(
                "several workers would share the pidfile `{}`",
                node.pidfile.display()
            ))
            .hint("put `%n` into `--pidfile`")),
            None => Ok(all),
        }
    }

    /// What was done, and whether it worked.
    async fn act(&self, node: &Node, wait: Duration) -> Result<(bool, String), Failure> {
        let running = node.pid();
        Ok(match self.action {
            Action::Names => (true, String::new()),
            Action::Show => match running {
                Some(pid) => (true, format!("runs as process {pid}")),
                None => (false, "does not run".to_owned()),
            },
            Action::Start => start(node).await?,
            Action::Stop => match node.signal(Signal::SIGTERM) {
                Some(pid) => (true, format!("process {pid} stops")),
                None => (true, "does not run".to_owned()),
            },
            Action::Kill => match node.signal(Signal::SIGKILL) {
                Some(pid) => (node.gone(wait).await, format!("process {pid} was killed")),
                None => (true, "does not run".to_owned()),
            },
            Action::Stopwait => stop(node, wait).await,
            Action::Restart => match stop(node, wait).await {
                (true, _) => start(node).await?,
                still => still,
            },
        })
    }

    fn document(&self, node: &Node, ok: bool, what: &str) -> Json {
        json!({
            "ok": ok, "said": what, "pid": node.pid(), "pidfile": node.pidfile, "logfile": node.logfile,
            "options": node.options,
        })
    }
}

async fn start(node: &Node) -> Result<(bool, String), Failure> {
    Ok(match node.start().await? {
        Started::New(pid) => (true, format!("started as process {pid}")),
        Started::Already(pid) => (true, format!("runs already, as process {pid}")),
        Started::Ended(status) => {
            (false, format!("ended at once ({status}): `{}` says why", node.logfile.display()))
        }
    })
}

async fn stop(node: &Node, wait: Duration) -> (bool, String) {
    let Some(pid) = node.signal(Signal::SIGTERM) else { return (true, "does not run".to_owned()) };
    match node.gone(wait).await {
        true => (true, format!("process {pid} has stopped")),
        false => (false, format!("process {pid} still runs its tasks after {} s", wait.as_secs_f64())),
    }
}
