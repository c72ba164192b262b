use taskq::task;

#[task(queue = 3, bind = "yes", trail = 1, resultrepr_maxsize = "long")]
fn ping() {}

fn main() {}
