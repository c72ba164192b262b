use taskq::task;

#[task]
unsafe fn add(x: i64) -> i64 {
    x
}

#[task]
const fn mul(x: i64) -> i64 {
    x
}

#[task]
extern "C" fn sub(x: i64) -> i64 {
    x
}

fn main() {}
