use taskq::task;

#[task(every = "30s")]
fn clean(days: u32) {
    let _ = days;
}

fn main() {}
