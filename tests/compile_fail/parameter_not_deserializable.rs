use taskq::task;

struct Point;

#[task]
fn plot(point: Point) {
    drop(point);
}

fn main() {}
