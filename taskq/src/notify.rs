//! What a service manager is told: systemd's `sd_notify` protocol, on the socket that `NOTIFY_SOCKET` names.
//!
//! Kept true here: `READY=1` when messages can arrive, `STOPPING=1` when no more are taken, and `WATCHDOG=1`
//! only while the worker itself works; a manager that is not there, or does not listen, is no error.

use std::{
    ffi::OsStr,
    io,
    os::unix::{ffi::OsStrExt, net::UnixDatagram},
    time::Duration,
};

use taskq_worker::{Monitor, Stop};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// Tells the manager about a worker, until dropped. `None`: there is no manager.
pub(crate) fn start(ready: CancellationToken, stop: Stop, monitor: Monitor) -> Option<AbortOnDropHandle<()>> {
    let place = std::env::var_os("NOTIFY_SOCKET")?;
    let socket = match open(&place) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(%error, "could not reach the service manager at `NOTIFY_SOCKET`");
            return None;
        }
    };
    Some(AbortOnDropHandle::new(tokio::spawn(run(socket, ready, stop, monitor))))
}

async fn run(socket: UnixDatagram, ready: CancellationToken, stop: Stop, monitor: Monitor) {
    let say = |text: &str| {
        let _ = socket.send(text.as_bytes()); // it may have gone, or be slow: nothing waits for it
    };
    let watchdog = async {
        match watchdog_interval() {
            None => std::future::pending().await,
            Some(every) => {
                let mut tick = interval(every);
                tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
                loop {
                    tick.tick().await;
                    if monitor.live().is_ok() {
                        say("WATCHDOG=1");
                    }
                }
            }
        }
    };
    let life = async {
        tokio::select! {
            () = ready.cancelled() => say("READY=1\nSTATUS=consuming"),
            () = stop.warm_asked() => {}
        }
        stop.warm_asked().await;
        say("STOPPING=1\nSTATUS=running tasks may finish");
    };
    tokio::join!(life, watchdog);
}

/// Half of what the manager allows, if it watches this process.
fn watchdog_interval() -> Option<Duration> {
    let own = std::process::id().to_string();
    if std::env::var("WATCHDOG_PID").is_ok_and(|pid| pid != own) {
        return None;
    }
    let allowed = std::env::var("WATCHDOG_USEC").ok()?.parse().ok().map(Duration::from_micros)?;
    (!allowed.is_zero()).then_some(allowed / 2)
}

/// A name that begins with `@` is in the abstract namespace of Linux.
fn open(place: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    match place.as_bytes().strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt;
            socket.connect_addr(&std::os::unix::net::SocketAddr::from_abstract_name(name)?)?;
        }
        _ => socket.connect(place)?,
    }
    Ok(socket)
}
