//! Messages grow with the size of the workflow, not faster: twice the steps, twice the bytes.

use taskq::core::broker::BrokerAdmin;
use taskq::{Signature, testing::TestApp};

use crate::{plus, sum, value};

/// Bytes of the largest message that is sent at first.
async fn largest(workflow: Signature) -> usize {
    let app = TestApp::new();
    app.send_canvas(workflow).await.expect("it is sent");
    let waiting = app.broker().peek("celery", 10_000).await.expect("a broker in memory");
    waiting.iter().map(|message| message.original.len()).max().expect("something was sent")
}

fn chain(steps: usize) -> Signature {
    Signature::chain((0..steps).map(|at| if at == 0 { value(1) } else { plus(1) }))
}

/// A chord in a chord in a chord…, each with a step before and after.
fn nested(depth: usize) -> Signature {
    let inner = if depth == 0 { value(1) } else { nested(depth - 1) };
    Signature::chain([Signature::chord([inner, value(2)], sum()), plus(1)])
}

#[tokio::test]
async fn messages_grow_with_the_workflow_and_not_faster() {
    type Shape = (&'static str, fn(usize) -> Signature, usize);
    let shapes: [Shape; 4] = [
        ("chain", chain, 100),
        (
            "group in a chain",
            |n| Signature::chain([value(1), Signature::group((0..n).map(|_| value(1))), sum()]),
            100,
        ),
        ("chains in a group", |n| Signature::group([chain(n), chain(n)]), 100),
        ("nested chords", nested, 4),
    ];
    for (name, shape, n) in shapes {
        let [once, twice, four] =
            [largest(shape(n)).await, largest(shape(2 * n)).await, largest(shape(4 * n)).await];
        let (first, second) = (twice - once, four - twice);
        // Were it linear, the second step were twice the first; ids and numbers differ by a few bytes.
        assert!(second * 10 <= first * 23, "{name}: {once}, {twice}, {four} bytes");
    }
}
