use taskq::task;

#[task(max_retry = 3)]
fn ping() {}

#[task(colour = "red")]
fn pong() {}

fn main() {}
