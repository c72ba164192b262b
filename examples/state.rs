//! What tasks share, such as a pool of connections, is given once when the app is built. A worker whose
//! tasks need state that is missing refuses to start.

use std::{
    collections::HashMap,
    error::Error,
    sync::{Mutex, PoisonError},
};

use taskq::{App, task};

/// Stands for a database.
#[derive(Default)]
struct Shop(Mutex<HashMap<String, u32>>);

impl Shop {
    fn buy(&self, item: String) -> u32 {
        let mut sold = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = sold.entry(item).or_default();
        *count += 1;
        *count
    }
}

#[task]
async fn buy(#[state] shop: &Shop, item: String) -> u32 {
    shop.buy(item)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Without the state nothing starts.
    let error = taskq_examples::start(App::builder()).await.expect_err("the shop is missing");
    println!("{error}");

    let worker = taskq_examples::start(App::builder().state(Shop::default())).await?;
    for _ in 0..2 {
        println!("{} sold", buy.delay("umbrella").await?.get().await?);
    }
    worker.stop().await?;
    Ok(())
}
