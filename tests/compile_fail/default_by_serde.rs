use taskq::task;

#[task]
fn add(x: i64, #[serde(default)] y: i64) -> i64 {
    x + y
}

fn main() {}
