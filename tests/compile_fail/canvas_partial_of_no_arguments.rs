use taskq::prelude::*;

#[task]
async fn now() -> i64 {
    0
}

fn workflow() {
    let _ = now.s() | now.p();
}

fn main() {}
