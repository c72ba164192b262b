//! Tasks of other programs, in Rust or Python, are called by name; arguments and results are values.

use std::{error::Error, time::Duration};

use taskq::{App, Signature, Value, args, kwargs, task};

/// Would live in another program; Python would call it `greet("Ada", greeting="hello")`.
#[task(name = "hotel.tasks.greet")]
async fn greet(name: String, #[default = "welcome".to_owned()] greeting: String) -> String {
    format!("{greeting}, {name}")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let worker = taskq_examples::start(App::builder()).await?;
    let app = App::current()?;

    let answer = app.send("hotel.tasks.greet", args!["Ada"], kwargs! { "greeting" => "hello" }).await?;
    assert_eq!(answer.get().await?, Value::Str("hello, Ada".into()));

    // With options, and read as a type.
    let call =
        Signature::by_name("hotel.tasks.greet", args!["Grace"]).priority(9).expires(Duration::from_secs(60));
    let text: String = app.send_signature(call).await?.cast().get().await?;
    println!("{text}");

    // A wrong call is told to the caller in Python's words, and kept as a dead letter.
    let wrong = app.send("hotel.tasks.greet", args!["Ada"], kwargs! { "volume" => 11 }).await?;
    println!("{}", wrong.get().await.expect_err("there is no such parameter"));
    worker.stop().await?;
    Ok(())
}
