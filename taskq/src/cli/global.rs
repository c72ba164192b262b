//! Options that every command takes.

use std::path::PathBuf;

use clap::Args;

/// Options that every command takes, before or after its name.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Broker: `redis://localhost/0`, `sqlite:./taskq.db`, …; several with `;`
    #[arg(short, long, value_name = "URL", global = true)]
    pub(crate) broker: Option<String>,

    /// Where results are kept
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) result_backend: Option<String>,

    /// Read settings from this file instead of `taskq.toml`
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,

    /// Change to this folder first
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) workdir: Option<PathBuf>,

    /// Print data as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Print data and errors only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Print without colours (as `NO_COLOR=1`)
    #[arg(short = 'C', long, global = true)]
    pub(crate) no_color: bool,

    /// Celery's option; not needed: the app is this program
    #[arg(short = 'A', long, value_name = "APP", global = true, hide = true)]
    pub(crate) app: Option<String>,
}
