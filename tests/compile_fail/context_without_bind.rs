use taskq::{TaskContext, task};

#[task]
async fn whoami(cx: &TaskContext) -> String {
    cx.hostname().to_owned()
}

fn main() {}
