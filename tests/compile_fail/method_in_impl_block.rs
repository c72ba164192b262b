use taskq::task;

struct Mailer;

impl Mailer {
    #[task]
    async fn send(to: String) {
        drop(to);
    }
}

fn main() {}
