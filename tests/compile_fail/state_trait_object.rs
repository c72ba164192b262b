
use std::{fmt::Debug, sync::Arc};

use taskq::task;

#[task]
fn show(#[state] one: &dyn Debug, #[state] other: Arc<dyn Debug>) -> String {
    format!("{one:?} {other:?}")
}

fn main() {}
