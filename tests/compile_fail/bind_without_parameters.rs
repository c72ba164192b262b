use taskq::task;

#[task(bind)]
async fn ping() {}

fn main() {}
