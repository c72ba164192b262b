
use std::collections::HashMap;

use taskq::task;

#[task]
fn total(#[kwargs] named: HashMap<String, i64>, x: i64) -> i64 {
    named.values().sum::<i64>() + x
}

fn main() {}
