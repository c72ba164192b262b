use taskq::task;

#[task(retry_jitter, retry_backoff_max = "1m", dont_retry_on(std::io::Error))]
fn ping() {}

fn main() {}
