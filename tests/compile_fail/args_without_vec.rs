use taskq::task;

#[task]
fn total(#[args] numbers: [i64; 2]) -> i64 {
    numbers.iter().sum()
}

fn main() {}
