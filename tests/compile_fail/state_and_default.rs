use taskq::task;

#[task]
fn read(#[state] #[default] pool: &u32) -> u32 {
    *pool
}

fn main() {}
