//! Canvases as a program writes them: typed, run in this process.

use std::time::Duration;

use taskq::{
    App, State, Value, WaitError,
    canvas::{Kind, Node},
    prelude::*,
    testing::TestApp,
};

#[task]
async fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[task]
async fn total(numbers: Vec<i64>) -> i64 {
    numbers.iter().sum()
}

#[task]
async fn describe(results: (i64, String)) -> String {
    format!("{} {}", results.1, results.0)
}

#[task]
async fn shout(text: String, #[default = 1] times: usize) -> String {
    text.to_uppercase().repeat(times)
}

#[task]
async fn written(number: i64) -> String {
    number.to_string()
}

#[task]
async fn forget_me(_what: i64) {}

#[task(ignore_result)]
async fn silent(x: i64) -> i64 {
    x
}

#[task]
async fn broken(x: i64) -> Result<i64, TaskError> {
    Err(Failure::new("ValueError", format!("{x} is broken")).into())
}

#[task]
async fn rest(first: i64, #[args] others: Vec<i64>, by_name: i64) -> i64 {
    first * 100 + others.iter().sum::<i64>() * 10 + by_name
}

use taskq::Failure;

fn eager() -> TestApp {
    TestApp::with(App::builder().set("task_always_eager", true)).unwrap()
}

#[tokio::test]
async fn a_chain_hands_results_on() {
    let app = eager();
    let chain = add.s(2, 2) | add.p(4) | add.p(10);
    let result = chain.app(&app).await.unwrap();
    assert_eq!(result.get().await.unwrap(), 18);
    let parent = result.parent().unwrap();
    assert_eq!(parent.result::<i64>().get().await.unwrap(), 8);
    assert_eq!(parent.parent().unwrap().get().await.unwrap(), Value::Int(4));
    assert!(parent.parent().unwrap().parent().is_none());

    let long = add.s(1, 1).then(written.p()).then(shout.p(2));
    assert_eq!(long.app(&app).delay().await.unwrap().get().await.unwrap(), "22");
    assert_eq!((add.s(1, 1) | rest.p(vec![2, 3], 4)).app(&app).await.unwrap().get().await.unwrap(), 254);
}

#[tokio::test]
async fn a_step_with_all_its_arguments_takes_no_result() {
    let app = eager();
    assert_eq!((add.s(2, 2) | add.si(1, 1)).app(&app).await.unwrap().get().await.unwrap(), 2);
    let after_nothing = forget_me.s(1) | add.s(3, 4) | add.p(1);
    assert_eq!(after_nothing.app(&app).await.unwrap().get().await.unwrap(), 8);
    let chain_after_nothing = forget_me.s(1) | (add.s(3, 4) | add.p(1));
    assert_eq!(chain_after_nothing.app(&app).await.unwrap().get().await.unwrap(), 8);
}

#[tokio::test]
async fn groups_give_vectors_and_tuples() {
    let app = eager();
    let same = group([add.s(1, 1), add.s(2, 2), add.s(3, 3)]).app(&app).await.unwrap();
    assert_eq!(same.len(), 3);
    assert_eq!(same.get().await.unwrap(), [2, 4, 6]);
    assert!(same.ready().await.unwrap() && same.successful().await.unwrap());
    assert_eq!(same.completed_count().await.unwrap(), 3);

    let many: Vec<_> = (0..5).map(|n| add.s(n, n)).collect();
    assert_eq!(group(many).app(&app).await.unwrap().get().await.unwrap(), [0, 2, 4, 6, 8]);

    let (sum, loud) = group((add.s(1, 2), shout.s("a", 3))).app(&app).await.unwrap().get().await.unwrap();
    assert_eq!((sum, loud.as_str()), (3, "AAA"));
}

#[tokio::test]
async fn chords_join_what_groups_give() {
    let app = eager();
    let joined = chord([add.s(1, 1), add.s(2, 2)], total.p());
    let result = joined.app(&app).await.unwrap();
    assert_eq!(result.get().await.unwrap(), 6);
    let header = result.parent().unwrap();
    assert_eq!(header.members().unwrap().len(), 2);

    let one = group([add.s(1, 1)]) | total.p();
    assert_eq!(one.app(&app).await.unwrap().get().await.unwrap(), 2, "a list of one");

    let mixed = group((add.s(1, 2), shout.s("a", 1))) | describe.p();
    assert_eq!(mixed.app(&app).await.unwrap().get().await.unwrap(), "A 3");

    let fan = add.s(1, 1) | group([add.p(10), add.p(20)]) | total.p() | add.p(1);
    assert_eq!(fan.app(&app).await.unwrap().get().await.unwrap(), 35);

    let ends_in_a_group = add.s(1, 1) | group([add.p(10), add.p(20)]);
    let result = ends_in_a_group.app(&app).await.unwrap();
    assert_eq!(result.get().await.unwrap(), [12, 22]);
    assert_eq!(result.state().await.unwrap(), State::Success);

    let ends_in_one = add.s(1, 1) | group([add.p(10)]);
    assert_eq!(ends_in_one.app(&app).await.unwrap().get().await.unwrap(), [12]);
}

#[tokio::test]
async fn one_task_runs_over_many_arguments() {
    let app = TestApp::new();
    add.starmap([(1, 2), (3, 4)]).app(&app).await.unwrap();
    written.map([1, 2]).app(&app).await.unwrap();
    let chunks = add.chunks([(1, 1), (2, 2), (3, 3)], 2).app(&app).await.unwrap();
    assert_eq!(chunks.len(), 2);
    let waiting = app.enqueued();
    let names: Vec<&str> = waiting.iter().map(|one| one.headers.task.as_str()).collect();
    assert_eq!(names, ["celery.starmap", "celery.map", "celery.starmap", "celery.starmap"]);
    let Err(error) = add.chunks([(1, 1)], 0).app(&app).await else { panic!("a chunk of none was sent") };
    assert!(error.to_string().contains("one item at least"), "{error}");
}

#[tokio::test]
async fn steps_of_other_programs_have_the_type_that_is_said() {
    let chain = Signature::by_name("proj.fetch", args!["u"]).typed::<i64>() | add.p(1) | written.p();
    let node = Node::read(Signature::from(chain)).unwrap();
    let Kind::Chain(steps) = node.kind else { panic!("no chain") };
    assert_eq!(steps[0].signature.task, "proj.fetch");
    let untyped =
        add.s(1, 1) | Signature::by_name("proj.any", args![]) | Signature::by_name("proj.more", args![]);
    let node = Node::read(Signature::from(untyped.reads_as::<String>() | shout.p(2))).unwrap();
    assert!(matches!(node.kind, Kind::Chain(steps) if steps.len() == 4));
}

#[tokio::test]
async fn a_failure_ends_the_chain_and_names_its_task() {
    let app = eager();
    let app =
        TestApp::with(App::builder().set("task_always_eager", true).set("task_eager_propagates", false))
            .map_err(|error| error.to_string())
            .unwrap_or(app);
    let result = (add.s(1, 1) | broken.p() | add.p(1)).app(&app).await.unwrap();
    let Err(WaitError::Failed(failure)) = result.get().await else { panic!("it did not fail") };
    assert_eq!(failure.error.message(), "2 is broken");

    let members = group([broken.s(1), broken.s(2)]).app(&app).await.unwrap();
    let Err(WaitError::Failed(failure)) = members.get().await else { panic!("it did not fail") };
    assert_eq!(failure.id.as_str(), members.members()[0].id(), "the failed member is named");
    assert!(members.failed().await.unwrap());
}

#[tokio::test]
async fn a_chord_of_a_task_without_result_is_refused_at_the_caller() {
    let app = TestApp::new();
    for workflow in [
        chord([silent.s(1), silent.s(2)], total.p()),
        chord([add.s(1, 1) | silent.p()], total.p()),
        chord([chord([silent.s(1)], total.p())], total.p()),
    ] {
        let error = workflow.app(&app).await.unwrap_err().to_string();
        assert!(
            error.contains("silent` ignores its result") && error.contains("remove `ignore_result`"),
            "{error}"
        );
    }
    app.assert_nothing_enqueued();
    let kept = [silent.s(1).ignore_result(false), silent.s(2).ignore_result(false)];
    let allowed = group(kept).then(total.p());
    drop(Signature::from(allowed));
}

#[tokio::test]
async fn options_go_where_celery_puts_them() {
    let app = TestApp::new();
    let chain = (add.s(1, 1) | add.p(2)).queue("first").stamp("tenant", "acme").task_id("the-end");
    let result = chain.app(&app).await.unwrap();
    assert_eq!(result.id().as_str(), "the-end");
    let waiting = app.enqueued();
    assert_eq!((waiting.len(), waiting[0].queue.as_str()), (1, "first"));

    let app = TestApp::new();
    let skewed = group([add.s(1, 1), add.s(2, 2), add.s(3, 3)]).skew(
        Duration::from_secs(1),
        Duration::from_secs(2),
        Some(Duration::from_secs(4)),
    );
    let node = Node::read(Signature::from(skewed)).unwrap();
    let Kind::Group(members) = node.kind else { panic!("no group") };
    let delays: Vec<u64> =
        members.iter().map(|one| one.signature.options.countdown.unwrap().as_secs()).collect();
    assert_eq!(delays, [1, 3, 4]);
    drop(app);
}

#[tokio::test]
async fn a_hundred_thousand_members_are_sent() {
    let app = TestApp::new();
    let members: Vec<_> = (0..100_000).map(|n| add.s(n, n)).collect();
    let sent = group(members).app(&app).await.unwrap();
    assert_eq!(sent.len(), 100_000);
    assert_eq!(app.enqueued().len(), 100_000);
}

#[tokio::test]
async fn a_chain_of_a_thousand_steps_runs() {
    let app = eager();
    let mut chain = add.s(0, 0).then(add.p(1));
    for _ in 1..1_000 {
        chain = chain.then(add.p(1));
    }
    assert_eq!(chain.app(&app).await.unwrap().get().await.unwrap(), 1_000);

    let app = TestApp::new();
    let mut chain = Signature::from(add.s(0, 0));
    for _ in 0..2_000 {
        chain = chain.then(Signature::from(add.p(1)));
    }
    let tree = app.send_canvas(chain).await.unwrap();
    let mut steps = 1;
    let mut next = tree.parent();
    while let Some(tree) = next {
        steps += 1;
        next = tree.parent();
    }
    assert_eq!(steps, 2_001);
}

#[task]
async fn sends_two(n: i64) -> Result<i64, TaskError> {
    let pair = group([add.s(n, 1), add.s(n, 2)]).await?;
    Ok(i64::try_from(pair.len()).unwrap_or_default())
}

#[tokio::test]
async fn everything_that_a_task_sent_is_collected() {
    let app = TestApp::new();
    let result = sends_two.with().app(&app).delay(5).await.unwrap();
    app.drain().await.unwrap();
    let graph = result.graph().await.unwrap();
    let senders: Vec<Option<usize>> = graph.iter().map(|(sender, ..)| *sender).collect();
    assert_eq!(senders, [None, Some(0), Some(0)]);
    let mut values = Vec::new();
    for (tree, meta) in result.collect().await.unwrap() {
        assert_eq!(meta.unwrap().state, State::Success);
        values.push(tree.result::<i64>().get().await.unwrap());
    }
    assert_eq!(values, [2, 6, 7]);
}
