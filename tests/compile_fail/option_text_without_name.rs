use taskq::task;

#[task("proj.ping")]
fn ping() {}

fn main() {}
