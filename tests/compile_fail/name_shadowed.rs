use taskq::task;

#[task]
fn add(x: i64) -> i64 {
    x
}

fn total() -> i64 {
    let add = 3;
    add
}

fn main() {}
