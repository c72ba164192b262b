use taskq::task;

#[task(expires = "soon", time_limit = "30", soft_time_limit = "10 parsecs", default_retry_delay = true)]
fn ping() {}

fn main() {}
