use taskq::task;

#[task]
fn add(x: i64, #[default(1)] y: i64) -> i64 {
    x + y
}

fn main() {}
