use taskq::task;

#[task]
async fn add(x: i64) -> i64 {
    let y: i64 = "one";
    x + y
}

fn main() {}
