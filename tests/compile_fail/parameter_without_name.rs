use taskq::task;

#[task]
fn ping(_: i64) {}

fn main() {}
