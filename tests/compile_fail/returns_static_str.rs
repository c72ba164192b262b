use taskq::task;

#[task]
fn name() -> &'static str {
    "fixed"
}

#[task]
async fn names() -> Result<Vec<&'static str>, std::io::Error> {
    Ok(vec!["fixed"])
}

fn main() {}
