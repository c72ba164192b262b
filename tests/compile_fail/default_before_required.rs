use taskq::task;

#[task]
fn add(#[default = 1] x: i64, y: i64) -> i64 {
    x + y
}

fn main() {}
