use taskq::task;

#[task(autoretry_for(std::io::Error), dont_autoretry_for(std::fmt::Error), acks_on_failure_or_timeout)]
fn ping() {}

fn main() {}
