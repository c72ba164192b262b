use taskq::task;

#[task(retry_on = "ValueError")]
fn ping() {}

#[task(retry_on())]
fn pong() {}

#[task(retry_on(_, std::io::Error))]
fn pang() {}

fn main() {}
