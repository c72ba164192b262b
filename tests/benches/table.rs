//! The table of `cargo xtask bench`: see the crate.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use taskq_benches::options::Options;
use taskq_benches::rows::Bench;
use taskq_benches::table::HEADER;
use tokio::sync::OnceCell;

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let folder = tempfile::tempdir()?;
    let python = env::var_os("TASKQ_TEST_PYTHON").map(PathBuf::from).filter(|_| !options.no_celery);
    let floors = options.floors;
    let bench = Bench {
        redis: given("TASKQ_TEST_REDIS_URL")?,
        amqp: given("TASKQ_TEST_AMQP_URL")?,
        python,
        program: PathBuf::from(env!("CARGO_BIN_EXE_bench-app")),
        folder: folder.path().to_path_buf(),
        drained: OnceCell::new(),
        options,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!("{HEADER}");
    let mut wrong = Vec::new();
    runtime.block_on(bench.run(|name, row| match row {
        Ok(row) => {
            println!("{row}");
            wrong.extend(row.sunk().filter(|_| floors).map(|why| format!("under its floor: {why}")));
        }
        Err(error) => wrong.push(format!("{name} could not be measured: {error:#}")),
    }));
    for why in &wrong {
        eprintln!("{why}");
    }
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn given(name: &str) -> Result<String> {
    env::var(name).with_context(|| format!("`{name}` is not set: run this by `cargo xtask bench`"))
}
