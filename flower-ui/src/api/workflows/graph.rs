//! The tasks of a workflow as a graph.
//!
//! Kept true here: an edge is drawn where a task says who sent it. Events do not tell chains, groups and chords
//! apart: what the result backend holds tells groups, and children of tasks whose events were lost. The rest is
//! concluded: tasks that one task sent together are a group, and what is sent when all of a group are done is the body
//! of a chord.

use std::collections::{BTreeMap, HashMap};

use taskq_core::backend::{Child, TaskMeta};

use crate::{
    layout::{Edge, Graph, Group, Node},
    record::TaskRecord,
};

/// Tasks that one task sends within so many seconds of each other are sent together.
const TOGETHER: f64 = 1.0;

/// What the result backend tells.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    /// Groups, by task.
    groups: HashMap<String, String>,
    /// Who sent a task.
    parents: HashMap<String, String>,
}

impl Stored {
    pub(super) fn of(metas: &[TaskMeta]) -> Self {
        let mut stored = Self::default();
        for meta in metas {
            let id = meta.id.as_str();
            if let Some(group) = &meta.group_id {
                stored.groups.insert(id.to_owned(), group.clone());
            }
            if let Some(parent) = &meta.parent_id {
                stored.parents.insert(id.to_owned(), parent.as_str().to_owned());
            }
            for child in meta.children.iter().flatten() {
                stored.child(id, child);
            }
        }
        stored
    }

    fn child(&mut self, of: &str, child: &Child) {
        match &child.members {
            None => _ = self.parents.insert(child.id.clone(), of.to_owned()),
            Some(members) => {
                for member in members {
                    self.parents.insert(member.id.clone(), of.to_owned());
                    self.groups.insert(member.id.clone(), child.id.clone());
                }
            }
        }
    }
}

pub(super) fn graph(tasks: &[TaskRecord], stored: &Stored) -> Graph {
    let known: HashMap<&str, &TaskRecord> = tasks.iter().map(|task| (task.id.as_str(), task)).collect();
    let nodes = tasks.iter().map(|task| Node {
        id: task.id.clone(),
        kind: "task",
        label: task.name.clone().unwrap_or_else(|| task.id.clone()),
        state: task.state.as_str().to_owned(),
    });
    let mut children: BTreeMap<&str, Vec<&TaskRecord>> = BTreeMap::new();
    for task in tasks {
        let parent = task.parent_id.as_deref().or(stored.parents.get(&task.id).map(String::as_str));
        if let Some(parent) = parent.filter(|parent| known.contains_key(parent) && *parent != task.id) {
            children.entry(parent).or_default().push(task);
        }
    }
    let mut groups: Vec<Group> = Vec::new();
    for (parent, children) in &mut children {
        children.sort_by(|a, b| sent(a).total_cmp(&sent(b)).then_with(|| a.id.cmp(&b.id)));
        let group = |task: &TaskRecord| stored.groups.get(&task.id);
        // Of two that are told to be of groups the groups say it, of others the time.
        let together = children.chunk_by(|a, b| match (group(a), group(b)) {
            (Some(a), Some(b)) => a == b,
            _ => sent(b) - sent(a) <= TOGETHER,
        });
        for (at, members) in together.filter(|members| members.len() > 1).enumerate() {
            groups.push(Group {
                // By the parent, so that it stays when members come.
                id: format!("group:{parent}:{at}"),
                kind: "group",
                label: label(members),
                members: members.iter().map(|task| task.id.clone()).collect(),
            });
        }
    }
    let group_of: HashMap<&str, usize> = groups
        .iter()
        .enumerate()
        .flat_map(|(at, group)| group.members.iter().map(move |member| (member.as_str(), at)))
        .collect();
    let mut edges = Vec::new();
    let mut chords = Vec::new();
    for (parent, of_it) in &children {
        for child in of_it {
            let body = group_of.get(parent).filter(|_| of_it.len() == 1).copied();
            match body.filter(|at| joins(&groups[*at], child, &known, &children)) {
                Some(at) => {
                    chords.push(at);
                    edges.push(Edge { from: groups[at].id.clone(), to: child.id.clone(), kind: "chord" });
                }
                None => {
                    let kind = if of_it.len() == 1 { "chain" } else { "sent" };
                    edges.push(Edge { from: (*parent).to_owned(), to: child.id.clone(), kind });
                }
            }
        }
    }
    for at in chords {
        groups[at].kind = "chord";
    }
    Graph { nodes: nodes.collect(), edges, groups }
}

fn sent(task: &TaskRecord) -> f64 {
    task.sent.or(task.received).or(task.started).unwrap_or(task.timestamp)
}

/// `40 × shop.add`
fn label(members: &[&TaskRecord]) -> String {
    let name = members[0].name.as_deref().unwrap_or("task");
    match members.iter().all(|task| task.name == members[0].name) {
        true => format!("{} × {name}", members.len()),
        false => format!("{} tasks", members.len()),
    }
}

/// Whether a task came when all of a group were done, and the one that sent it alone of them sent something.
fn joins(
    group: &Group,
    task: &TaskRecord,
    known: &HashMap<&str, &TaskRecord>,
    children: &BTreeMap<&str, Vec<&TaskRecord>>,
) -> bool {
    let sent = sent(task);
    let mut members = group.members.iter().filter_map(|id| known.get(id.as_str()));
    let mut sent_by_members = group.members.iter().filter_map(|id| children.get(id.as_str())).flatten();
    members.all(|member| member.ended().is_some_and(|ended| ended <= sent + TOGETHER))
        && sent_by_members.all(|other| other.id == task.id)
}

#[cfg(test)]
mod tests {
    use taskq_core::{
        backend::{State, TaskOutput},
        protocol::TaskId,
    };

    use super::*;

    fn task(id: &str, parent: Option<&str>, sent: f64, ended: Option<f64>) -> TaskRecord {
        TaskRecord {
            id: id.to_owned(),
            name: Some("t".to_owned()),
            state: if ended.is_some() { State::Success } else { State::Started },
            sent: Some(sent),
            succeeded: ended,
            parent_id: parent.map(str::to_owned),
            ..TaskRecord::default()
        }
    }

    #[test]
    fn a_chain_is_a_line() {
        let tasks = [
            task("a", None, 0.0, Some(1.0)),
            task("b", Some("a"), 1.0, Some(2.0)),
            task("c", Some("b"), 2.0, None),
        ];
        let graph = graph(&tasks, &Stored::default());
        let edges: Vec<_> = graph.edges.iter().map(|edge| (&*edge.from, &*edge.to, edge.kind)).collect();
        assert_eq!(edges, [("a", "b", "chain"), ("b", "c", "chain")]);
        assert!(graph.groups.is_empty());
    }

    #[test]
    fn what_is_sent_together_is_a_group_and_what_follows_all_of_it_a_chord() {
        let mut tasks = vec![task("r", None, 0.0, Some(1.0))];
        tasks.extend(["x", "y", "z"].map(|id| task(id, Some("r"), 1.0, Some(5.0))));
        tasks.push(task("body", Some("z"), 5.0, None));
        let chord = graph(&tasks, &Stored::default());
        assert_eq!((chord.groups[0].kind, &*chord.groups[0].label), ("chord", "3 × t"));
        assert!(chord.edges.contains(&Edge { from: "group:r:0".into(), to: "body".into(), kind: "chord" }));
        // One that still runs: `body` is not theirs in common.
        tasks[1].succeeded = None;
        tasks[1].state = State::Started;
        let group = graph(&tasks, &Stored::default());
        assert_eq!(group.groups[0].kind, "group");
        assert!(group.edges.contains(&Edge { from: "z".into(), to: "body".into(), kind: "chain" }));
    }

    #[test]
    fn what_the_result_backend_holds_tells_groups_and_lost_children() {
        let mut tasks = vec![task("r", None, 0.0, Some(1.0))];
        tasks.extend(["a", "b", "c", "d"].map(|id| task(id, Some("r"), 1.0, None)));
        tasks.push(task("lost", None, 9.0, None));
        let child = |id: &str| Child { id: id.to_owned(), parent: None, members: None };
        let group = |id: &str, of: &[&str]| Child {
            members: Some(of.iter().map(|id| child(id)).collect()),
            ..child(id)
        };
        let mut meta = TaskMeta::new(TaskId::from("r"), State::Success, TaskOutput::NULL);
        meta.children = Some(vec![group("g1", &["a", "b"]), group("g2", &["c", "d"]), child("lost")]);
        let graph = graph(&tasks, &Stored::of(&[meta]));
        let members: Vec<_> = graph.groups.iter().map(|group| group.members.join(",")).collect();
        assert_eq!(members, ["a,b", "c,d"], "sent together, and told apart");
        assert!(graph.edges.contains(&Edge { from: "r".into(), to: "lost".into(), kind: "sent" }));
    }

    #[test]
    fn a_task_that_is_its_own_parent_or_whose_parent_is_unknown_stands_alone() {
        let tasks = [task("a", Some("a"), 0.0, None), task("b", Some("nobody"), 0.0, None)];
        assert!(graph(&tasks, &Stored::default()).edges.is_empty());
    }
}
