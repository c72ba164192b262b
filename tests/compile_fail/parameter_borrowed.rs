use taskq::task;

#[task]
fn count(page: &str, numbers: &[u8], depth: &u32) -> usize {
    page.len() + numbers.len() + *depth as usize
}

fn main() {}
