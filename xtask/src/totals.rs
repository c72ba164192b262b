//! Counts tests by reading what the test runners print at their end.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::ops::AddAssign;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result};

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    /// Asked for and never begun, whatever the reason.
    pub(crate) unrun: u64,
}

impl Totals {
    pub(crate) fn all_passed(self) -> bool {
        self.failed == 0 && self.unrun == 0
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)?;
        if self.unrun > 0 {
            write!(f, ", {} never run", self.unrun)?;
        }
        Ok(())
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.unrun += other.unrun;
    }
}

/// Runs a test runner, shows what it prints as it comes, and counts. A runner that fails without a failed test
/// (the tests did not compile, say) counts as one failure.
pub(crate) fn watch(command: &mut Command) -> Result<Totals> {
    let shown = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not run {shown}"))?;
    let out = child.stdout.take().context("the test runner has no stdout")?;
    let err = child.stderr.take().context("the test runner has no stderr")?;
    // Nextest sums up on stderr, `cargo test` on stdout.
    let other = thread::spawn(move || pass_on(err, std::io::stderr()));
    let mut totals = pass_on(out, std::io::stdout());
    totals += other.join().unwrap_or_default();
    let status = child.wait().with_context(|| format!("could not wait for {shown}"))?;
    if !status.success() && totals.all_passed() {
        totals.failed = 1;
    }
    Ok(totals)
}

fn pass_on(from: impl std::io::Read, mut to: impl Write) -> Totals {
    let mut totals = Totals::default();
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        // Whoever reads our output may be gone; the tests still have to be counted.
        let _ = to.write_all(&line).and_then(|()| to.write_all(b"\n"));
        if let Some(found) = parse(&String::from_utf8_lossy(&line)) {
            totals += found;
        }
    }
    totals
}

/// Reads the closing line of nextest (`Summary [ 1.2s] 9 tests run: 8 passed (1 slow), 1 failed, 2 skipped`), of each of
/// its repetitions (`Stress test [ 1.2s] iteration 1/12: 9 tests run: …`; their summary counts no tests), or of one
/// `cargo test` binary (`test result: ok. 8 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out`).
fn parse(line: &str) -> Option<Totals> {
    let plain = without_colours(line);
    // Nextest indents its summary, and what failed tests have printed, which may hold anything.
    let (begun, counts) = match plain.strip_prefix("test result: ") {
        Some(rest) => rest.split_once(". ")?,
        None => {
            let line = plain.trim_start();
            let rest = line.strip_prefix("Summary [").or_else(|| line.strip_prefix("Stress test ["))?;
            let (begun, counts) = rest.split_once(" run: ")?;
            (begun.rsplit_once(": ").map_or(begun, |(_, tests)| tests), counts)
        }
    };
    let mut totals = Totals { unrun: unrun(begun), ..Totals::default() };
    for part in counts.split([',', ';']) {
        let mut words = part.split_whitespace();
        let (Some(Ok(count)), Some(what)) = (words.next().map(str::parse::<u64>), words.next()) else {
            continue;
        };
        match what {
            "passed" => totals.passed += count,
            "failed" | "timed" => totals.failed += count,
            "skipped" | "ignored" | "filtered" => totals.skipped += count,
            _ => {}
        }
    }
    Some(totals)
}

/// How many tests `675.4s] 12/14 tests` leaves out.
fn unrun(begun: &str) -> u64 {
    begun
        .split_whitespace()
        .find_map(|word| word.split_once('/'))
        .and_then(|(run, all)| Some((run.parse::<u64>().ok()?, all.parse::<u64>().ok()?)))
        .map_or(0, |(run, all)| all.saturating_sub(run))
}

fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, tail)| tail);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::{Totals, parse};

    #[test]
    fn reads_the_summary_of_nextest() {
        let line =
            "     Summary [   1.234s] 12/14 tests run: 9 passed (1 slow), 2 failed, 1 timed out, 3 skipped";
        assert_eq!(parse(line), Some(Totals { passed: 9, failed: 3, skipped: 3, unrun: 2 }));
    }

    #[test]
    fn reads_each_repetition_of_nextest() {
        let line = " Stress test [   7.455s] iteration 2/12: 4/5 tests run: 3 passed, 1 failed, 19 skipped";
        assert_eq!(parse(line), Some(Totals { passed: 3, failed: 1, skipped: 19, unrun: 1 }));
        assert_eq!(parse("     Summary [  88.272s] 12/12 stress run iterations: 12 passed"), None);
    }

    #[test]
    fn reads_a_coloured_summary() {
        let line = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.1s] \u{1b}[1m1\u{1b}[0m test run: \u{1b}[1m1\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m skipped";
        assert_eq!(parse(line), Some(Totals { passed: 1, ..Totals::default() }));
    }

    #[test]
    fn reads_the_result_of_cargo_test() {
        let line = "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 4 filtered out; finished in 0.1s";
        assert_eq!(parse(line), Some(Totals { passed: 3, failed: 1, skipped: 6, unrun: 0 }));
        assert_eq!(parse("test a ... ok"), None);
        assert_eq!(parse(&format!("    {line}")), None, "what a failed test has printed");
    }
}
