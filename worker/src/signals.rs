//! Signals of the operating system, as levels of [`Stop`].

use std::io;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinHandle,
};
use tracing::warn;

use crate::Stop;

/// What further signals mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignalRule {
    /// SIGTERM and SIGINT alike: the first stops warm, the second cold, the third at once.
    #[default]
    Escalate,
    /// As Celery: any number of SIGTERM stops warm; SIGINT escalates.
    Celery,
}

/// Listens for SIGTERM, SIGINT and SIGQUIT (cold at once) until dropped.
#[derive(Debug)]
pub struct Signals(JoinHandle<()>);

impl Signals {
    /// Starts to listen. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn install(stop: &Stop, rule: SignalRule) -> io::Result<Self> {
        let term = signal(SignalKind::terminate())?;
        let int = signal(SignalKind::interrupt())?;
        let quit = signal(SignalKind::quit())?;
        let remapped = remapped(std::env::var("REMAP_SIGTERM").ok().as_deref());
        Ok(Self(tokio::spawn(listen(stop.clone(), rule, remapped, term, int, quit))))
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whether SIGTERM means what SIGQUIT means: `REMAP_SIGTERM=SIGQUIT`, as in Celery.
fn remapped(to: Option<&str>) -> bool {
    matches!(to, Some("SIGQUIT" | "QUIT"))
}

async fn listen(
    stop: Stop,
    rule: SignalRule,
    remapped: bool,
    mut term: Signal,
    mut int: Signal,
    mut quit: Signal,
) {
    loop {
        let name = tokio::select! {
            Some(()) = term.recv() => {
                match rule {
                    _ if remapped && !stop.is_cold() => stop.cold(),
                    SignalRule::Escalate => stop.escalate(),
                    SignalRule::Celery => stop.warm(),
                }
                "SIGTERM"
            }
            Some(()) = int.recv() => { stop.escalate(); "SIGINT" }
            Some(()) = quit.recv() => { stop.cold(); "SIGQUIT" }
            else => return,
        };
        let how = match (stop.is_cold(), stop.is_now()) {
            (_, true) => "now",
            (true, _) => "cold: running tasks go back to their queues",
            _ => "warm: running tasks may finish",
        };
        warn!(signal = name, how, "stopping");
    }
}

#[cfg(test)]
mod tests {
    use std::{process::Command, time::Duration};

    use tokio::time::timeout;

    use super::*;

    fn kill(signal: &str) {
        let pid = std::process::id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// All rules in one test: signals are the process's.
    #[tokio::test]
    async fn signals_stop_by_their_rule() {
        let deadline = Duration::from_secs(20);
        let stop = Stop::new();
        let signals = Signals::install(&stop, SignalRule::Escalate).unwrap();
        kill("-TERM");
        timeout(deadline, stop.warm_asked()).await.unwrap();
        assert!(!stop.is_cold());
        kill("-INT");
        timeout(deadline, stop.cold_asked()).await.unwrap();
        assert!(!stop.is_now());
        kill("-TERM");
        timeout(deadline, stop.now_asked()).await.unwrap();
        drop(signals);

        let stop = Stop::new();
        let _signals = Signals::install(&stop, SignalRule::Celery).unwrap();
        kill("-TERM");
        timeout(deadline, stop.warm_asked()).await.unwrap();
        kill("-TERM");
        kill("-QUIT");
        timeout(deadline, stop.cold_asked()).await.unwrap();
        assert!(!stop.is_now(), "further SIGTERMs change nothing");
    }
}
