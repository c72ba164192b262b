use taskq::task;

#[task(max_retries = -1)]
fn ping() {}

fn main() {}
