use taskq::task;

#[task(countdown = 3, task_id = "one")]
fn ping() {}

fn main() {}
