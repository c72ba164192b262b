//! Where the boxes and arrows of a workflow go: in layers, from left to right.
//!
//! Kept true here: boxes do not overlap; arrows go forward, but for the one that closes a circle; the same graph
//! gives the same picture, and a box keeps its id when the graph grows; any graph is drawn, however odd.
//!
//! A group of tasks is a box around theirs, and is placed like one. Groups of more than [`MEMBERS`] become one
//! box that counts them.

mod collapse;
mod place;
mod rank;
#[cfg(test)]
mod tests;

use serde::Serialize;

/// Members that are drawn one by one.
pub(crate) const MEMBERS: usize = 20;

/// A graph that is not drawn yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) groups: Vec<Group>,
}

/// What becomes a box.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub(crate) id: String,
    /// `task`, `group`
    pub(crate) kind: &'static str,
    pub(crate) label: String,
    pub(crate) state: String,
}

/// What becomes an arrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: String,
    pub(crate) to: String,
    /// `sent`, `chain`, `chord`
    pub(crate) kind: &'static str,
}

/// Nodes that belong together. Each is in one group at most.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) id: String,
    /// `group`, `chord`
    pub(crate) kind: &'static str,
    pub(crate) label: String,
    pub(crate) members: Vec<String>,
}

/// A graph with places. Numbers are CSS pixels.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Layout {
    /// Of the form of this answer.
    pub(crate) version: u32,
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// Containers before what is in them.
    pub(crate) nodes: Vec<Placed>,
    pub(crate) edges: Vec<Drawn>,
}

/// A box.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Placed {
    pub(crate) id: String,
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) w: f64,
    pub(crate) h: f64,
    pub(crate) kind: &'static str,
    pub(crate) label: String,
    pub(crate) state: String,
    /// The container that it is in.
    pub(crate) inside: Option<String>,
    /// Of a group: how many tasks are in which state.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) counts: Vec<(String, usize)>,
}

/// An arrow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Drawn {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) kind: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
    /// It closes a circle, and goes back.
    pub(crate) back: bool,
}

/// Draws a graph.
pub(crate) fn layout(graph: Graph) -> Layout {
    let units = collapse::units(graph);
    let ranks = rank::ranks(units.units.len(), &units.arrows());
    place::place(units, &ranks)
}
