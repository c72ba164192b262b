//! The scripts of the pages, read by a type checker.

use std::{env, path::Path, process::Command, time::Duration};

use taskq_tests::process::Running;

/// How long the check may take.
const CHECKING: Duration = Duration::from_secs(120);

#[test]
fn the_scripts_of_the_pages_have_no_mistake_that_types_show() {
    let given = |name: &str| {
        env::var(name).unwrap_or_else(|_| panic!("`{name}` is not set: run the tests by `cargo xtask test`"))
    };
    let dir = tempfile::tempdir().expect("a folder");
    let compiler = Path::new(&given("TASKQ_TEST_UI")).join("node_modules/typescript/bin/tsc");
    let mut check = Command::new(given("TASKQ_TEST_NODE"));
    check.arg(compiler).arg("--project").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/tsconfig.json"));
    let mut check = Running::start(&mut check, dir.path().join("types.log"));
    let status = check.wait(CHECKING);
    assert!(status.success(), "{}", check.output());
}
