use taskq::task;

#[task(time_limit = "10s", soft_time_limit = "1m")]
fn ping() {}

fn main() {}
