
use std::rc::Rc;

use taskq::task;

#[task]
async fn wait() -> usize {
    let local = Rc::new(3);
    tokio::task::yield_now().await;
    *local
}

fn main() {}
