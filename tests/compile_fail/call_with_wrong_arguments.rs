use taskq::task;

#[task]
async fn add(x: i64, y: i64) -> i64 {
    x + y
}

async fn calls() {
    let _ = add.delay(1).await;
    let _ = add.delay(1, "two").await;
    let _ = add.with().queue("low").delay(1, 2, 3).await;
}

fn main() {}
