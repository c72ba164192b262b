use taskq::task;

#[task(expires = -1, time_limit = "0s", default_retry_delay = "-5s")]
fn ping() {}

fn main() {}
