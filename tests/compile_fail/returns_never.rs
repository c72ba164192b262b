use taskq::task;

#[task]
fn serve() -> ! {
    loop {}
}

fn main() {}
