//! The project's own commands.
//!
//! * `cargo xtask test` sets a machine up and runs every test: [`mod@test`].
//! * `cargo xtask bench` measures: [`mod@bench`]; `bench-board` the board: [`mod@bench_board`].
//! * `cargo xtask soak` lets everything around brokers and workers fail: [`mod@soak`]; `compare` does so to workers of
//!   Celery and of taskq: [`mod@compare`].
//!
//! All start private servers on free ports in a folder of their own and never touch a server that already
//! runs. Whatever a run started ends with it, also after Ctrl-C, a panic or `kill -9`: see [`reap`].
//!
//! # What the tests find in their environment
//!
//! | variable | meaning |
//! |---|---|
//! | `TASKQ_TEST_RUN` | the folder of this run; every process of the run carries it and is ended by it |
//! | `TASKQ_TEST_REDIS_SERVER` | the `redis-server` to start servers of one's own with; also first in `PATH` |
//! | `TASKQ_TEST_REDIS_URL` | a Redis without password, 1,024 databases |
//! | `TASKQ_TEST_REDIS_SOCKET` | the same server's unix socket, a path |
//! | `TASKQ_TEST_REDIS_TLS_URL` | `rediss://`, another server, open only to the user in the URL |
//! | `TASKQ_TEST_REDIS_ACL_URL` | that server without TLS, with the same user |
//! | `TASKQ_TEST_REDIS_CA` | the certificate to trust for it, a PEM file |
//! | `TASKQ_TEST_REDIS_SENTINELS` | three `host:port`, with commas |
//! | `TASKQ_TEST_REDIS_SENTINEL_MASTER` | the name of the master that they watch; it has one replica |
//! | `TASKQ_TEST_AMQP_URL` | a RabbitMQ with guest login, virtual host `/` |
//! | `TASKQ_TEST_AMQP_MANAGEMENT_URL` | its management API, with login |
//! | `TASKQ_TEST_AMQPS_URL` | `amqps://`, the same node; it checks a client certificate if it is shown one |
//! | `TASKQ_TEST_AMQPS_CA` | the certificate to trust for it, a PEM file |
//! | `TASKQ_TEST_AMQPS_CLIENT_CERT`, `…_KEY` | a client certificate that it accepts, PEM files |
//! | `TASKQ_TEST_RABBITMQCTL` | `rabbitmqctl` for that node; needs nothing else |
//! | `TASKQ_TEST_RABBITMQ_SCRIPTS` | the folder of `rabbitmq-server` and `rabbitmqctl`, to start nodes of one's own |
//! | `TASKQ_TEST_PYTHON` | a Python with `tests/python/requirements.txt` installed; unset with `--no-python` |
//! | `TASKQ_TEST_CHROMIUM`, `TASKQ_TEST_NODE` | a browser and what drives it; unset with `--no-python` |
//! | `TASKQ_TEST_UI` | a folder with the packages of `tests/ui/package.json` |

mod bench;
mod bench_board;
mod compare;
mod deny;
mod examples;
mod program;
mod progress;
mod reap;
mod run;
mod servers;
mod setup;
mod soak;
mod test;
mod totals;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set this machine up and run every test.
    Test(test::Options),
    /// Measure, one number per line.
    Bench(bench::Options),
    /// Measure the board under load, one number per line.
    BenchBoard(bench_board::Options),
    /// Let everything around brokers and workers fail, and count what is lost.
    Soak(soak::Options),
    /// Give workers of Celery and of taskq the same faults: a Markdown table.
    Compare(compare::Options),
    /// Check licences, sources and banned crates; advisories where `cargo-deny` is installed.
    Deny,
    /// End what a run left behind (started by the run itself).
    #[command(hide = true)]
    Reap {
        /// The folder of the run.
        dir: PathBuf,
    },
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Test(options) => test::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::BenchBoard(options) => bench_board::run(&options),
        Command::Soak(options) => soak::run(&options),
        Command::Compare(options) => compare::run(&options),
        Command::Deny => deny::run(),
        Command::Reap { dir } => reap::serve(&dir).map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
