//! The generated code names nothing that a user's module could shadow.

#![allow(dead_code, non_camel_case_types)]

use ::taskq::task;

use crate::run;

mod bytes {}
mod core {}
mod serde {}
mod std {}
mod taskq_core {}
mod inventory {}

struct Result;
struct Option;
struct Some;
struct None;
struct Ok;
struct Err;
struct Box;
struct Vec;
struct String;
trait Clone {}
trait Copy {}
trait Into {}
trait Default {}
trait Send {}
trait Serialize {}
trait Deserialize {}

type Text = ::std::string::String;

#[task(bind, queue = "q", priority = 1, expires = "1h", max_retries = None, retry_backoff, retry_on(_),
       rate_limit = "1/s", serializer = "json", delivery_mode = "transient", compression = "zstd", acks_late)]
async fn all_of_it(
    _cx: &::taskq::TaskContext,
    #[state] _state: &u64,
    text: Text,
    #[default = 3] number: u8,
    #[args] rest: ::std::vec::Vec<Text>,
    #[default] last: u8,
    #[kwargs] more: ::std::collections::BTreeMap<Text, u8>,
) -> ::std::result::Result<Text, ::std::io::Error> {
    ::std::result::Result::Ok(::std::format!("{text} {number} {rest:?} {last} {more:?}"))
}

#[tokio::test]
async fn nothing_is_shadowed() {
    let mut states = ::taskq::core::task::States::default();
    states.insert(7_u64);
    let value = run::run_with(all_of_it, r#"["a", 1, "b"]"#, r#"{"last": 2, "x": 3}"#, states).await;
    assert_eq!(value.unwrap(), r#""a 1 [\"b\"] 2 {\"x\": 3}""#);
}
