use taskq::task;

#[task(serializer = "pickle")]
fn ping() {}

#[task(serializer = "xml", compression = "rar", delivery_mode = "sometimes")]
fn pong() {}

fn main() {}
