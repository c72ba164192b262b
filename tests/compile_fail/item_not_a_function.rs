use taskq::task;

#[task]
struct Add;

fn main() {}
