use taskq::task;

#[task]
fn total(#[args] xs: Vec<i64>, #[args] ys: Vec<i64>) -> i64 {
    xs.iter().chain(&ys).sum()
}

fn main() {}
