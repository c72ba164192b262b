use taskq::task;

#[task(queue = "high" priority = 3)]
fn ping() {}

fn main() {}
