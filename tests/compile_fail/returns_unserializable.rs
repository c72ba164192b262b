use taskq::task;

struct Point;

#[task]
fn origin() -> Point {
    Point
}

fn main() {}
