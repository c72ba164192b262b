use taskq::task;

type Fetched = Result<String, String>;

#[task]
fn fetch() -> Fetched {
    Ok(String::new())
}

fn main() {}
