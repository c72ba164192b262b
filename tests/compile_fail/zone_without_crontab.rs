use taskq::task;

#[task(every = "30s", tz = "Europe/Rome")]
fn clean() {}

fn main() {}
