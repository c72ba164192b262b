use taskq::task;

#[task(queue, time_limit)]
fn ping() {}

fn main() {}
