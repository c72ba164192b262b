use taskq::prelude::*;

#[task]
async fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[task]
async fn shout(text: String) -> String {
    text.to_uppercase()
}

#[task]
async fn total(numbers: Vec<i64>) -> i64 {
    numbers.iter().sum()
}

fn workflow() {
    let _ = group([1, 2]);
}

fn main() {}
