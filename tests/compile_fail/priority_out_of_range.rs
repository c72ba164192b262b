use taskq::task;

const URGENT: u8 = 11;

#[task(priority = 10)]
fn ping() {}

#[task(priority = URGENT)]
fn pong() {}

fn main() {}
