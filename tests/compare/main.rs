//! The same faults for workers of Celery and of taskq: a Markdown table of what came of each.
//!
//! Started by `cargo xtask compare`, which brings servers and Celery. The messages are the same for all of them, sent by
//! taskq and confirmed by the broker; what ran is counted in books that the tasks write to another server. `compare killed
//! redis` runs the rows with these words only; `--short` is one row in seconds.

mod fault;
mod field;
mod kept;
mod outcome;
mod side;

use std::env;

use taskq::Error;

use fault::Fault;
use field::Kind;
use outcome::Outcome;
use side::Side;

#[tokio::main(worker_threads = 16)]
async fn main() -> Result<(), Error> {
    let mut words: Vec<String> = env::args().skip(1).map(|word| word.to_lowercase()).collect();
    let short = words.iter().any(|word| word == "--short");
    words.retain(|word| word != "--short");
    if short {
        words.extend(["killed", "redis"].map(str::to_owned));
    }
    let kinds = [(Kind::Redis, "Redis"), (Kind::RabbitMq, "RabbitMQ")];
    let is_meant = |fault: Fault, kind: Kind, side: Side| {
        let name = format!("{fault:?} {kind:?} {side:?}").to_lowercase();
        fault.happens_to(kind) && words.iter().all(|word| name.contains(word.as_str()))
    };
    let sides = |fault, kind| Side::ALL.into_iter().filter(move |side| is_meant(fault, kind, *side));
    let meant = |fault| kinds.into_iter().filter(move |(kind, _)| sides(fault, *kind).next().is_some());
    for fault in Fault::ALL.into_iter().filter(|fault| meant(*fault).next().is_some()) {
        println!("* {}", fault.title());
    }
    println!("\n| fault | broker | worker | {}|", Outcome::HEAD);
    println!("{}|", "|---".repeat(Outcome::COLUMNS + 3));
    for (fault, (kind, broker)) in
        Fault::ALL.into_iter().flat_map(|fault| meant(fault).map(move |on| (fault, on)))
    {
        // At once: most of the time they wait.
        let sides: Vec<_> =
            sides(fault, kind).map(|side| (side, tokio::spawn(fault.happen(kind, side, short)))).collect();
        for (side, outcome) in sides {
            let outcome = outcome.await.expect("no panic")?;
            println!("| `{}` | {broker} | {} | {outcome} |", fault.word(), side.name());
        }
    }
    Ok(())
}
