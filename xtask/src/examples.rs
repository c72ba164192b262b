//! Runs every example program the way the README tells a reader to, and expects it to end well.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::run::Run;
use crate::totals::Totals;
use crate::{progress, workspace};

/// How long one example may run, without its build.
const LIMIT: Duration = Duration::from_secs(120);
/// How often a running example is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Builds all of them, then runs each in an empty folder.
pub(crate) fn run(run: &Run) -> Result<Totals> {
    let root = workspace::root();
    let names = names()?;
    let mut totals = Totals::default();
    let built = run
        .command(workspace::cargo())
        .current_dir(&root)
        .args(["build", "--quiet", "--workspace", "--examples"])
        .stdin(Stdio::null())
        .status()
        .context("could not run cargo")?;
    if !built.success() {
        progress::note("the examples do not build");
        totals.failed += names.len().max(1) as u64;
        return Ok(totals);
    }
    for name in names {
        let dir = run.folder(&format!("example-{name}"))?;
        let log = dir.join("output.log");
        let output =
            fs::File::create(&log).with_context(|| format!("could not create `{}`", log.display()))?;
        let began = Instant::now();
        let mut child = run
            .command(workspace::cargo())
            .args(["run", "--quiet", "--manifest-path"])
            .arg(root.join("Cargo.toml"))
            .args(["--example", &name])
            .current_dir(&dir)
            .stdin(Stdio::null())
            .stderr(output.try_clone().context("could not share a log file")?)
            .stdout(output)
            .spawn()
            .with_context(|| format!("could not run the example `{name}`"))?;
        let verdict = loop {
            if let Some(status) = child.try_wait().context("could not wait for an example")? {
                break if status.success() { Ok(()) } else { Err(status.to_string()) };
            }
            if began.elapsed() > LIMIT {
                // Its own children, if any, are ended with the run.
                let _ = child.kill();
                let _ = child.wait();
                break Err(format!("not done in {LIMIT:?}"));
            }
            thread::sleep(LOOK);
        };
        let took = began.elapsed().as_secs_f32();
        match verdict {
            Ok(()) => {
                progress::note(format_args!("{name}: ok ({took:.1} s)"));
                totals.passed += 1;
            }
            Err(why) => {
                progress::note(format_args!("{name}: FAILED, {why} ({took:.1} s)"));
                eprintln!("{}", fs::read_to_string(&log).unwrap_or_default());
                totals.failed += 1;
            }
        }
    }
    Ok(totals)
}

/// The examples of the workspace: files in `examples/`, and folders there with a `main.rs`.
fn names() -> Result<Vec<String>> {
    let dir: PathBuf = workspace::root().join("examples");
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("could not list `{}`", dir.display()))? {
        let path = entry.context("could not list the examples")?.path();
        let is_program = if path.is_dir() {
            path.join("main.rs").is_file()
        } else {
            path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("lib.rs")
        };
        if let (true, Some(name)) = (is_program, path.file_stem().and_then(|stem| stem.to_str())) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}
