use taskq::task;

trait Tasks {
    #[task]
    fn add(x: i64) -> i64;
}

fn main() {}
