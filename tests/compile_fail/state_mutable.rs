use taskq::task;

struct Pool;

#[task]
fn read(#[state] pool: &mut Pool) {
    let _ = pool;
}

fn main() {}
