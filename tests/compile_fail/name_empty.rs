use taskq::task;

#[task(name = "")]
fn ping() {}

fn main() {}
