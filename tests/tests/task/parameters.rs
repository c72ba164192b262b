//! Parameters: by position, by name, defaults, state, context, and the function called directly.

use std::{collections::BTreeMap, sync::Arc};

use taskq::{
    Task, TaskContext,
    core::{protocol::ParamKind, task::States},
    task,
};

use crate::run::{context, run, run_with};

/// Adds.
#[task]
pub async fn add(x: i64, y: i64, z: Option<i64>) -> i64 {
    x + y + z.unwrap_or(0)
}

#[task]
async fn page(
    url: String,
    #[default = 3] depth: u32,
    #[default = "en"] lang: String,
    #[default] deep: bool,
) -> String {
    format!("{url} {depth} {lang} {deep}")
}

#[task]
async fn collect(
    first: i64,
    #[args] rest: Vec<i64>,
    #[default = 0.5] factor: f64,
    #[kwargs] more: BTreeMap<String, i64>,
) -> String {
    format!("{first} {rest:?} {factor} {more:?}")
}

mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(value: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{value:x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        let text = String::deserialize(deserializer)?;
        u32::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}

#[task]
fn with_serde(#[serde(with = "hex")] color: u32, #[serde(rename = "self")] this: u32, r#type: u32) -> u32 {
    color + this + r#type
}

struct Pool(u32);

#[task(bind)]
async fn injected(
    cx: &TaskContext,
    #[state] pool: &Pool,
    mut x: u32,
    #[state] shared: Arc<String>,
) -> String {
    x += pool.0;
    format!("{} {x} {shared}", cx.id())
}

#[task(bind)]
fn blocking(cx: &TaskContext, #[state] pool: &Pool, x: u32) -> String {
    format!("{} {}", cx.id(), x + pool.0)
}

#[task]
async fn recursive(n: u32) -> u32 {
    if n == 0 { 0 } else { n + recursive(n - 1).await }
}

fn states() -> States {
    let mut states = States::default();
    states.insert(Pool(40));
    states.insert(String::from("shared"));
    states
}

#[tokio::test]
async fn the_function_stays_callable() {
    assert_eq!(add(2, 3, None).await, 5);
    assert_eq!(page("u".into(), 1, "de".into(), true).await, "u 1 de true");
    assert_eq!(with_serde(1, 2, 3), 6);
    assert_eq!(recursive(4).await, 10);

    let (cx, pool) = (context("injected", "[]", "{}", States::default()), Pool(1));
    assert_eq!(injected(&cx, &pool, 2, Arc::new("s".into())).await, "id-1 3 s");
    assert_eq!(blocking(&cx, &pool, 2), "id-1 3");
    let direct: Vec<i64> = [1, 2].into_iter().map(|x| x * 2).collect();
    assert_eq!(collect(1, direct, 1.5, BTreeMap::new()).await, "1 [2, 4] 1.5 {}");
}

#[tokio::test]
async fn a_task_is_a_value() {
    let copies = [add, add];
    assert_eq!(format!("{copies:?}"), "[add, add]");
    let spawned = tokio::spawn(async { add(1, 1, Some(1)).await });
    assert_eq!(spawned.await.unwrap(), 3);
}

#[tokio::test]
async fn by_position_and_by_name() {
    assert_eq!(run(add, "[1, 2]", "{}").await.unwrap(), "3");
    assert_eq!(run(add, "[1, 2, null]", "{}").await.unwrap(), "3");
    assert_eq!(run(add, "[1]", r#"{"z": 3, "y": 2}"#).await.unwrap(), "6");
    assert_eq!(run(page, r#"["u"]"#, r#"{"deep": true}"#).await.unwrap(), r#""u 3 en true""#);
    assert_eq!(run(page, r#"["u", 1]"#, "{}").await.unwrap(), r#""u 1 en false""#);
}

#[tokio::test]
async fn the_rest_is_collected() {
    assert_eq!(run(collect, "[1]", "{}").await.unwrap(), r#""1 [] 0.5 {}""#);
    let value = run(collect, "[1, 2, 3]", r#"{"factor": 2.5, "k": 4}"#).await;
    assert_eq!(value.unwrap(), r#""1 [2, 3] 2.5 {\"k\": 4}""#);
}

#[tokio::test]
async fn serde_attributes_reach_the_parameter() {
    assert_eq!(run(with_serde, r#"["ff", 1, 2]"#, "{}").await.unwrap(), "258");
    assert_eq!(run(with_serde, r#"["ff"]"#, r#"{"self": 1, "type": 2}"#).await.unwrap(), "258");
}

#[tokio::test]
async fn wrong_arguments_read_like_pythons() {
    let error =
        |args: &'static str, kwargs: &'static str| async move { run(add, args, kwargs).await.unwrap_err() };
    assert_eq!(error("[1]", "{}").await, "TypeError: add() missing 1 required positional argument: 'y'");
    assert_eq!(
        error("[1, 2, 3, 4]", "{}").await,
        "TypeError: add() takes from 2 to 3 positional arguments but 4 were given"
    );
    assert_eq!(
        error("[1, 2]", r#"{"q": 1}"#).await,
        "TypeError: add() got an unexpected keyword argument 'q'"
    );
    assert!(error(r#"[1, "two"]"#, "{}").await.starts_with("TypeError: argument `y`: "));
}

#[task]
async fn named(#[args] numbers: Vec<i64>, base: i64) -> i64 {
    numbers.iter().sum::<i64>() + base
}

#[tokio::test]
async fn what_follows_the_rest_goes_by_name_only() {
    assert_eq!(run(named, "[1, 2]", r#"{"base": 10}"#).await.unwrap(), "13");
    let missing = run(named, "[1, 2, 3]", "{}").await.unwrap_err();
    assert_eq!(missing, "TypeError: named() missing 1 required keyword-only argument: 'base'");
}

#[tokio::test]
async fn state_is_injected_and_missed_by_name() {
    assert_eq!(run_with(injected, "[2]", "{}", states()).await.unwrap(), r#""id-1 42 shared""#);
    assert_eq!(run_with(blocking, "[2]", "{}", states()).await.unwrap(), r#""id-1 42""#);
    let missing = run(blocking, "[2]", "{}").await.unwrap_err();
    assert!(missing.contains("no state of type `task::parameters::Pool`"), "{missing}");
    let needed: Vec<&str> = <injected as Task>::STATES.iter().map(|key| key.name()).collect();
    assert_eq!(needed, ["task::parameters::Pool", "alloc::string::String"]);
}

#[test]
fn what_a_typed_call_sends() {
    fn sent<T: Task>(_: T, args: &T::Args) -> (String, String) {
        let (args, kwargs) = T::encode(args).unwrap();
        (String::from_utf8_lossy(&args).into_owned(), String::from_utf8_lossy(&kwargs).into_owned())
    }
    fn read<T: Task>(_: T, args: &str) -> T::Args {
        serde_json::from_str(args).unwrap()
    }
    let same = |json: &str| (json.to_owned(), "{}".to_owned());
    assert_eq!(sent(add, &read(add, "[1, 2, null]")), same("[1,2,null]"));
    assert_eq!(sent(recursive, &read(recursive, "[1]")), same("[1]"));
    assert_eq!(sent(with_serde, &read(with_serde, r#"["ff", 1, 2]"#)), same(r#"["ff",1,2]"#));
    let args = read(collect, r#"{"first": 1, "rest": [2, 3], "factor": 2.5, "more": {"k": 4}}"#);
    assert_eq!(sent(collect, &args), ("[1,2,3]".into(), r#"{"factor":2.5,"k":4}"#.into()));
}

#[test]
fn parameters_are_described() {
    let kinds: Vec<_> = <collect as Task>::PARAMS.iter().map(|param| (param.name, param.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("first", ParamKind::Required),
            ("rest", ParamKind::Rest),
            ("factor", ParamKind::Optional),
            ("more", ParamKind::RestByName),
        ]
    );
    let names: Vec<_> = <with_serde as Task>::PARAMS.iter().map(|param| param.name).collect();
    assert_eq!(names, ["color", "self", "type"]);
}
