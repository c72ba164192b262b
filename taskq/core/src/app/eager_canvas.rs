//! Canvases in the caller's process: each step runs before the next begins.

use super::{App, eager::failure_of};
use crate::{
    BoxFuture, Error, ErrorKind,
    backend::{Child, State, TaskMeta, TaskOutput},
    canvas::{Chord, Kind, Node, Signature},
    codec::{Value, json},
    protocol::{Request, TaskId},
    result::{Eager, ResultTree},
};

/// What ran, and its value unless it failed.
type Ended = (Child, Option<Value>);

impl App {
    /// A canvas with `task_always_eager`.
    pub(crate) async fn run_canvas_eagerly(&self, node: Node) -> Result<ResultTree, Error> {
        let mut done = Eager::new();
        let ended = self.walk(node, Vec::new(), &mut done).await?;
        let Some((child, _)) = ended else {
            return Err(Error::new(ErrorKind::Encode, "the chain has no steps: there is nothing to run"));
        };
        Ok(ResultTree::eager(self, child, done))
    }

    /// What a task goes on in. Its callbacks went along.
    pub(super) fn run_replacement<'a>(
        &'a self,
        request: &'a Request,
        signature: Signature,
    ) -> BoxFuture<'a, Result<TaskMeta, Error>> {
        Box::pin(async move {
            let node = Node::read(crate::canvas::replacement(request, signature)?)?;
            let mut done = Eager::new();
            let child = self.walk(node, Vec::new(), &mut done).await?.map(|(child, _)| child.id);
            let meta = child.and_then(|id| done.remove(&id)).ok_or_else(|| {
                Error::new(ErrorKind::Encode, "what replaces a task has no result of its own")
            })?;
            Ok(TaskMeta { id: request.id().clone(), ..meta })
        })
    }

    /// Runs a node with these arguments in front of its own. `None` for a chain without steps; the value is
    /// `None` when a task failed, and then nothing that follows it runs.
    fn walk<'a>(
        &'a self,
        node: Node,
        args: Vec<Value>,
        done: &'a mut Eager,
    ) -> BoxFuture<'a, Result<Option<Ended>, Error>> {
        Box::pin(async move {
            let Node { signature, kind } = node;
            let args = if signature.immutable { Vec::new() } else { args };
            match kind {
                Kind::Task => {
                    let meta = self.run_signature(signature.prepend(args)).await?;
                    let child = Child::task(meta.id.as_str());
                    let value = value_of(&meta)?;
                    done.insert(child.id.clone(), meta);
                    Ok(Some((child, value)))
                }
                Kind::Chain(steps) => {
                    let mut given: Vec<Value> = args.into_iter().chain(signature.args).collect();
                    let mut last: Option<Ended> = None;
                    for step in crate::canvas::unchained(signature.options, steps) {
                        let Some((child, value)) = self.walk(step, std::mem::take(&mut given), done).await?
                        else {
                            continue;
                        };
                        given.extend(value.clone());
                        let ended = value.is_none();
                        let before = last.take().map(|(child, _)| child);
                        last = Some((crate::canvas::after(child, before), value));
                        if ended {
                            break;
                        }
                    }
                    Ok(last)
                }
                Kind::Group(members) => {
                    let given: Vec<Value> = args.into_iter().chain(signature.args).collect();
                    self.walk_members(members, &given, done).await.map(Some)
                }
                Kind::Chord(chord) => {
                    let given: Vec<Value> = args.into_iter().chain(signature.args).collect();
                    let Chord { header, body, .. } = *chord;
                    let Some(body) = body else {
                        return Err(Error::new(ErrorKind::Encode, "a chord has no body"));
                    };
                    let (group, values) = self.walk_members(header, &given, done).await?;
                    let Some(values) = values else { return Ok(Some((group, None))) };
                    let ended = self.walk(body, vec![values], done).await?;
                    Ok(ended.map(|(child, value)| (crate::canvas::after(child, Some(group)), value)))
                }
            }
        })
    }

    async fn walk_members(
        &self,
        members: Vec<Node>,
        args: &[Value],
        done: &mut Eager,
    ) -> Result<Ended, Error> {
        let mut children = Vec::with_capacity(members.len());
        let mut values = Some(Vec::with_capacity(members.len()));
        for member in members {
            let Some((child, value)) = self.walk(member, args.to_vec(), done).await? else { continue };
            children.push(child);
            values = values.zip(value).map(|(mut values, value)| {
                values.push(value);
                values
            });
        }
        let group = Child { id: TaskId::new().to_string(), parent: None, members: Some(children) };
        Ok((group, values.map(Value::List)))
    }

    async fn run_signature(&self, signature: Signature) -> Result<TaskMeta, Error> {
        signature.options.check()?;
        let task = signature.task.clone();
        let encode = |error| {
            Error::with_source(
                ErrorKind::Encode,
                format!("could not encode the arguments of `{task}`"),
                error,
            )
        };
        let args = json::to_bytes(&signature.args).map_err(encode)?;
        let kwargs = json::to_bytes(&signature.kwargs).map_err(encode)?;
        let result = self.run_named_eagerly(&signature.task, args, kwargs, signature.options).await?;
        result.meta().await?.ok_or_else(|| Error::new(ErrorKind::Other, "an eager task left no result"))
    }
}

/// The value of a task; `None` when it failed.
fn value_of(meta: &TaskMeta) -> Result<Option<Value>, Error> {
    if failure_of(meta).is_some() || meta.state != State::Success {
        return Ok(None);
    }
    match &meta.output {
        TaskOutput::Json(bytes) => json::from_slice(bytes).map(Some).map_err(|error| {
            Error::with_source(ErrorKind::Encode, "could not hand a result to the next step", error)
        }),
        TaskOutput::Value(value) => Ok(Some(value.clone())),
        TaskOutput::Error(_) => Ok(None),
    }
}
