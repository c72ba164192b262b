use taskq::task;

#[task(rate_limit = "10 per minute")]
fn ping() {}

#[task(rate_limit = 0)]
fn pong() {}

fn main() {}
