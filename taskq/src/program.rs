//! `fn main() -> ExitCode { taskq::main() }`: the whole program.

use std::{future::Future, process::ExitCode};

use taskq_core::app::{App, AppBuilder};

use crate::entry;

/// Runs this program's command line: `worker`, `beat`, `dev`, `flower`, `call`, `result`, `list`, `queues`, `purge`, `dead`,
/// `schedule`, `report`, `completions`. Every `#[task]` in the program is registered.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     taskq::main()
/// }
/// ```
///
/// Programs that set something in code use [`Main::main`] of the builder.
pub fn main() -> ExitCode {
    App::builder().main()
}

/// Runs the command line with an app that was set up in code.
///
/// ```no_run
/// use taskq::{App, prelude::*};
///
/// struct Pool;
///
/// fn main() -> std::process::ExitCode {
///     App::builder().state(Pool).set("task_track_started", true).main()
/// }
/// ```
pub trait Main: Sized {
    /// Runs the command line of this process to its end, on a runtime of its own.
    fn main(self) -> ExitCode;

    /// The same on a runtime that is there already: for programs whose state needs one, such as a pool of
    /// connections.
    fn run(self) -> impl Future<Output = ExitCode>;
}

impl Main for AppBuilder {
    fn main(self) -> ExitCode {
        entry::main(self)
    }

    fn run(self) -> impl Future<Output = ExitCode> {
        entry::run(self, std::env::args_os())
    }
}
