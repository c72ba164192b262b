use taskq::{TaskContext, task};

#[task(bind)]
async fn echo(cx: &TaskContext, text: String, again: &TaskContext) -> String {
    format!("{text} {} {}", cx.id(), again.id())
}

fn main() {}
