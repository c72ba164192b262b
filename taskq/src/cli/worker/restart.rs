//! SIGHUP: the worker stops warm and starts again as the program that its file holds by then, under the same
//! process id and with the same arguments.

use std::{
    ffi::OsString,
    io,
    os::unix::{ffi::OsStringExt, process::CommandExt},
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use taskq_worker::Stop;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::AbortOnDropHandle;

/// What Linux adds to the path of a program whose file was replaced.
const REPLACED: &[u8] = b" (deleted)";

/// Listens for SIGHUP until dropped.
pub(super) struct Restart {
    asked: Arc<AtomicBool>,
    _listening: AbortOnDropHandle<()>,
}

impl Restart {
    pub(super) fn listen(stop: Stop) -> io::Result<Self> {
        let mut hangup = signal(SignalKind::hangup())?;
        let asked = Arc::new(AtomicBool::new(false));
        let tell = Arc::clone(&asked);
        let listening = tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                // A worker that is stopping already stays stopped.
                if !stop.is_warm() {
                    tell.store(true, Ordering::Release);
                    tracing::warn!("SIGHUP: the worker starts again when its running tasks are done");
                    stop.warm();
                }
            }
        });
        Ok(Self { asked, _listening: AbortOnDropHandle::new(listening) })
    }

    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// Becomes the new program; answers only why that did not work.
    pub(super) fn now(&self) -> io::Error {
        let mut args = std::env::args_os();
        let program = match std::env::current_exe() {
            Ok(path) => file(path),
            Err(error) => return error,
        };
        let mut command = Command::new(program);
        if let Some(name) = args.next() {
            command.arg0(name);
        }
        command.args(args).exec()
    }
}

/// The path without what marks a replaced file.
fn file(path: PathBuf) -> PathBuf {
    let mut bytes = path.into_os_string().into_vec();
    if bytes.ends_with(REPLACED) {
        bytes.truncate(bytes.len() - REPLACED.len());
    }
    OsString::from_vec(bytes).into()
}
