use taskq::task;

#[task(max_concurrency = 0)]
fn ping() {}

fn main() {}
