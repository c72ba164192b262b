//! Everything that came of a task: what it sent, what those sent, and so on.

use super::{AsyncResult, ResultTree};
use crate::{
    Error,
    backend::{Child, TaskMeta},
};

/// Tasks that [`AsyncResult::collect`] follows: a task that sends itself again and again has no last one.
const COLLECTED: usize = 100_000;

impl<T> AsyncResult<T> {
    /// This task and, generation by generation, all that it and those after it have sent, with what is stored of
    /// each; `None` for one that is not there yet. Celery: `collect()` and `iterdeps()`, without waiting.
    ///
    /// # Errors
    /// When the backend cannot be read.
    pub async fn collect(&self) -> Result<Vec<(ResultTree, Option<TaskMeta>)>, Error> {
        Ok(self.graph().await?.into_iter().map(|(_, tree, meta)| (tree, meta)).collect())
    }

    /// As [`collect`](Self::collect), each with the position of the task that sent it: the edges of the graph.
    /// Celery: `build_graph()`.
    ///
    /// # Errors
    /// When the backend cannot be read.
    pub async fn graph(&self) -> Result<Vec<(Option<usize>, ResultTree, Option<TaskMeta>)>, Error> {
        let mut all = Vec::new();
        let mut generation = vec![(None, ResultTree::of(self.app(), Child::task(self.id().as_str())))];
        while !generation.is_empty() && all.len() < COLLECTED {
            let trees: Vec<&ResultTree> = generation.iter().map(|(_, tree)| tree).collect();
            let metas = ResultTree::metas(&trees).await?;
            let mut next = Vec::new();
            for ((parent, tree), meta) in generation.into_iter().zip(metas) {
                let children = meta.as_ref().and_then(|meta| meta.children.clone()).unwrap_or_default();
                for child in children {
                    let sent = ResultTree::of(self.app(), child).leaves();
                    next.extend(sent.into_iter().map(|leaf| (Some(all.len()), leaf)));
                }
                all.push((parent, tree, meta));
            }
            generation = next;
        }
        Ok(all)
    }
}
