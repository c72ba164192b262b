use taskq::{TaskContext, task};

#[task(bind)]
async fn whoami(cx: TaskContext) -> String {
    cx.hostname().to_owned()
}

fn main() {}
