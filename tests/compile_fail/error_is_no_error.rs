use taskq::task;

struct Broken;

#[task]
fn fetch() -> Result<String, Broken> {
    Err(Broken)
}

fn main() {}
