use taskq::task;

#[task]
fn name(#[state] names: &Vec<String>) -> &str {
    &names[0]
}

fn main() {}
