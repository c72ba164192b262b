use taskq::task;

#[task]
fn add<T: Copy>(x: T) -> T {
    x
}

fn main() {}
