//! One task over many arguments, typed.

use super::{Chain, Group, group};
use crate::{
    canvas::Signature,
    codec::{Value, json},
    task::Task,
};

/// `map`, `starmap` and `chunks` of a task, for bulk work that need not be one message for each item.
pub trait MapTask: Task {
    /// One message that runs the task with each of `items`, one after the other, in one worker: for tasks of one
    /// argument. Celery: `task.map(it)`.
    fn map<I: IntoIterator<Item: Into<Self::Args>>>(&self, items: I) -> Chain<(), Vec<Self::Output>> {
        let (items, problem) = encoded::<Self, I>(items);
        let first = |args| match args {
            Value::List(mut args) if args.len() == 1 => args.swap_remove(0),
            args => args,
        };
        over(
            Signature::map(Signature::by_name(Self::NAME, crate::args![]), items.into_iter().map(first)),
            problem,
        )
    }

    /// As [`map`](Self::map), for tasks of several arguments, each item a tuple. Celery: `task.starmap(it)`.
    fn starmap<I: IntoIterator<Item: Into<Self::Args>>>(&self, items: I) -> Chain<(), Vec<Self::Output>> {
        let (items, problem) = encoded::<Self, I>(items);
        over(Signature::starmap(Signature::by_name(Self::NAME, crate::args![]), items), problem)
    }

    /// A group of starmaps over `size` items each. Celery: `task.chunks(it, n)`.
    fn chunks<I: IntoIterator<Item: Into<Self::Args>>>(
        &self,
        items: I,
        size: usize,
    ) -> Group<(), Vec<Vec<Self::Output>>> {
        let (items, mut problem) = encoded::<Self, I>(items);
        if size == 0 {
            problem.get_or_insert_with(|| "a chunk holds one item at least, not 0".to_owned());
        }
        let part = |part: &[Value]| {
            let task = Signature::by_name(Self::NAME, crate::args![]);
            over(Signature::starmap(task, part.iter().cloned()), problem.clone())
        };
        group(items.chunks(size.max(1)).map(part).collect::<Vec<_>>())
    }
}

impl<T: Task> MapTask for T {}

fn over<Out>(mut signature: Signature, problem: Option<String>) -> Chain<(), Out> {
    if let Some(problem) = problem {
        signature.options.note(problem);
    }
    Chain::of(vec![super::Node::task(signature)], None, true)
}

/// Each item as the list of its arguments, and why one is none.
fn encoded<T: Task, I: IntoIterator<Item: Into<T::Args>>>(items: I) -> (Vec<Value>, Option<String>) {
    let mut problem = None;
    let mut all = Vec::new();
    for (at, item) in (1..).zip(items) {
        let read = T::encode(&item.into()).and_then(|(args, _)| json::from_slice(&args));
        match read {
            Ok(args) => all.push(args),
            Err(error) => {
                problem
                    .get_or_insert_with(|| format!("could not encode item {at} for `{}`: {error}", T::NAME));
            }
        }
    }
    (all, problem)
}
