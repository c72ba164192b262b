//! From nodes and groups to units: what is placed as one.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Edge, Graph, MEMBERS, Node};

/// What is placed as one: a node, or a group with its members.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) label: String,
    pub(super) state: String,
    pub(super) counts: Vec<(String, usize)>,
    /// Of a container.
    pub(super) members: Vec<Node>,
}

/// Units, and the edges between boxes.
#[derive(Debug)]
pub(super) struct Units {
    pub(super) units: Vec<Unit>,
    /// Without doubles, without those to oneself, without those to nowhere.
    pub(super) edges: Vec<Edge>,
    /// The unit of each box.
    pub(super) unit_of: HashMap<String, usize>,
}

impl Units {
    /// The edges as numbers of units; within a unit there are none.
    pub(super) fn arrows(&self) -> Vec<(usize, usize)> {
        let ends = |edge: &Edge| (self.unit_of[&edge.from], self.unit_of[&edge.to]);
        self.edges.iter().map(ends).filter(|(from, to)| from != to).collect()
    }
}

pub(super) fn units(graph: Graph) -> Units {
    let mut seen = HashSet::new();
    let nodes: Vec<Node> = graph.nodes.into_iter().filter(|node| seen.insert(node.id.clone())).collect();
    let mut group_of: HashMap<String, usize> = HashMap::new();
    for (at, group) in graph.groups.iter().enumerate() {
        // A group of the name of a node, or of another group, would be drawn over it.
        if seen.contains(&group.id) {
            continue;
        }
        for member in group.members.iter().filter(|member| seen.contains(*member)) {
            group_of.entry(member.clone()).or_insert(at);
        }
        seen.insert(group.id.clone());
    }
    let mut members: BTreeMap<usize, usize> = BTreeMap::new();
    group_of.values().for_each(|at| *members.entry(*at).or_default() += 1);
    let mut units: Vec<Unit> = Vec::new();
    let mut unit_of: HashMap<String, usize> = HashMap::new();
    // The box that stands for a member that is not drawn.
    let mut stands_for: HashMap<String, String> = HashMap::new();
    let mut unit_of_group: HashMap<usize, usize> = HashMap::new();
    for node in nodes {
        let Some(&at) = group_of.get(&node.id) else {
            unit_of.insert(node.id.clone(), units.len());
            units.push(single(node));
            continue;
        };
        let group = &graph.groups[at];
        let unit = *unit_of_group.entry(at).or_insert_with(|| {
            unit_of.insert(group.id.clone(), units.len());
            units.push(Unit {
                id: group.id.clone(),
                kind: group.kind,
                label: group.label.clone(),
                state: String::new(),
                counts: Vec::new(),
                members: Vec::new(),
            });
            units.len() - 1
        });
        count(&mut units[unit].counts, &node.state);
        if members[&at] > MEMBERS {
            stands_for.insert(node.id, group.id.clone());
        } else {
            unit_of.insert(node.id.clone(), unit);
            units[unit].members.push(node);
        }
    }
    let stand = |id: String| stands_for.get(&id).cloned().unwrap_or(id);
    let mut doubles = HashSet::new();
    let edges = graph
        .edges
        .into_iter()
        .map(|edge| Edge { from: stand(edge.from), to: stand(edge.to), kind: edge.kind })
        .filter(|edge| edge.from != edge.to)
        .filter(|edge| unit_of.contains_key(&edge.from) && unit_of.contains_key(&edge.to))
        .filter(|edge| doubles.insert((edge.from.clone(), edge.to.clone(), edge.kind)))
        .collect();
    Units { units, edges, unit_of }
}

fn single(node: Node) -> Unit {
    Unit {
        id: node.id,
        kind: node.kind,
        label: node.label,
        state: node.state,
        counts: Vec::new(),
        members: Vec::new(),
    }
}

fn count(counts: &mut Vec<(String, usize)>, state: &str) {
    match counts.iter_mut().find(|(known, _)| known == state) {
        Some((_, count)) => *count += 1,
        None => counts.push((state.to_owned(), 1)),
    }
}
