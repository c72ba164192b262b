use taskq::task;

struct Pool;

#[task]
fn read(#[state] pool: Pool) {
    drop(pool);
}

fn main() {}
