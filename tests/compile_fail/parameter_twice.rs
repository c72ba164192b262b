use taskq::task;

#[task]
fn add(x: i64, x: i64) -> i64 {
    x
}

fn main() {}
