use taskq::task;

#[task]
fn add(#[optional] x: i64) -> i64 {
    x
}

fn main() {}
