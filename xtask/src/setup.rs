//! Makes a machine fit to run the tests: finds each program, or installs it, or says how to.

pub(crate) mod apt;
pub(crate) mod browser;
mod cached;
pub(crate) mod python;
pub(crate) mod rabbitmq;
pub(crate) mod redis;

use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a command to its end without showing its output, which becomes the error if it fails.
pub(crate) fn quiet(command: &mut Command) -> Result<Output> {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("could not run {shown}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let tail = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let lines: Vec<&str> = text.trim().lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    };
    bail!("{shown} failed ({})\n{}\n{}", output.status, tail(&output.stdout), tail(&output.stderr));
}
