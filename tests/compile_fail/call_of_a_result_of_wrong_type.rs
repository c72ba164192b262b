use taskq::task;

#[task]
async fn add(x: i64, y: i64) -> i64 {
    x + y
}

async fn calls() -> Result<(), Box<dyn std::error::Error>> {
    let sum: String = add.delay(1, 2).await?.get().await?;
    drop(sum);
    Ok(())
}

fn main() {}
