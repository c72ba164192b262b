use taskq::task;

#[task]
fn total(numbers: impl Iterator<Item = i64>) -> i64 {
    numbers.sum()
}

fn main() {}
