use taskq::task;

struct Broken;

#[task(retry_on(Broken))]
fn ping() {}

fn main() {}
