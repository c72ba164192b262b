//! Generated code is silent under lints that are stricter than this workspace's.

#![deny(
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    single_use_lifetimes,
    trivial_casts,
    unreachable_pub,
    unused,
    unused_qualifications,
    unused_results,
    clippy::nursery,
    clippy::pedantic
)]

use std::{collections::BTreeMap, io, sync::Arc};

use taskq::{TaskContext, task};

#[task(bind, retry_on(io::Error), dont_retry_on("ValueError"), throws("KeyError"), retry_backoff)]
#[allow(clippy::too_many_arguments)] // of the function as written
async fn everything(
    cx: &TaskContext,
    #[state] lent: &u16,
    #[state] shared: Arc<u16>,
    text: String,
    #[default = 3] number: u16,
    #[args] rest: Vec<u16>,
    #[default = "z"] last: String,
    #[kwargs] more: BTreeMap<String, u16>,
) -> io::Result<String> {
    Ok(format!("{} {lent} {shared} {text} {number} {rest:?} {last} {more:?}", cx.id()))
}

#[task]
fn blocking(x: u16, r#type: Option<u16>) -> u16 {
    x + r#type.unwrap_or(0)
}

#[deprecated(note = "use `blocking`")]
#[task]
fn old(x: u16) -> u16 {
    x
}

macro_rules! generated {
    ($($name:ident: $ty:ty = $default:expr;)*) => {$(
        #[task]
        fn $name(x: $ty, #[default = $default] y: $ty) -> Vec<$ty> {
            vec![x, y]
        }
    )*};
}

generated! {
    numbers: u16 = 3;
    texts: String = "y".to_owned();
}

#[test]
fn tasks_may_be_written_by_macros_and_inside_functions() {
    #[task]
    fn nested(x: u16) -> u16 {
        x + 1
    }

    assert_eq!(nested(blocking(1, Some(2))), 4);
    assert_eq!(numbers(1, 2), [1, 2]);
    drop(texts.s("x", "y"));
    drop(everything.s("x", 1, vec![2], "3", BTreeMap::new()));
}
