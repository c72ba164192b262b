//! The program whose `worker` is measured from outside: a task queue's user has one just like it.

use std::process::ExitCode;

use taskq_benches as _;

fn main() -> ExitCode {
    taskq::main()
}
