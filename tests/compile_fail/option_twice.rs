use taskq::task;

#[task(queue = "high", queue = "low")]
fn ping() {}

fn main() {}
