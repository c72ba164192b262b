use taskq::task;

#[task(every = "30s", cron = "0 4 * * *")]
fn clean() {}

fn main() {}
