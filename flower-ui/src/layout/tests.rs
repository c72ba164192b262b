//! What every picture keeps.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

fn node(id: usize) -> Node {
    Node { id: id.to_string(), kind: "task", label: format!("t{id}"), state: "SUCCESS".to_owned() }
}

fn edge(from: usize, to: usize) -> Edge {
    Edge { from: from.to_string(), to: to.to_string(), kind: "sent" }
}

fn graph(nodes: usize, edges: &[(usize, usize)]) -> Graph {
    Graph {
        nodes: (0..nodes).map(node).collect(),
        edges: edges.iter().map(|(from, to)| edge(*from, *to)).collect(),
        groups: Vec::new(),
    }
}

fn group(id: &str, members: impl IntoIterator<Item = usize>) -> Group {
    Group {
        id: id.to_owned(),
        kind: "group",
        label: id.to_owned(),
        members: members.into_iter().map(|member| member.to_string()).collect(),
    }
}

fn overlap(a: &Placed, b: &Placed) -> bool {
    a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
}

fn within(inner: &Placed, outer: &Placed) -> bool {
    inner.x >= outer.x
        && inner.y >= outer.y
        && inner.x + inner.w <= outer.x + outer.w
        && inner.y + inner.h <= outer.y + outer.h
}

/// What holds of every layout.
fn check(layout: &Layout) {
    let by_id: HashMap<&str, &Placed> = layout.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    assert_eq!(by_id.len(), layout.nodes.len(), "ids are unique");
    for (at, a) in layout.nodes.iter().enumerate() {
        assert!(a.x >= 0.0 && a.y >= 0.0 && a.x + a.w <= layout.width && a.y + a.h <= layout.height);
        for b in &layout.nodes[at + 1..] {
            match b.inside.as_deref() {
                Some(container) if container == a.id => assert!(within(b, a), "{} in {}", b.id, a.id),
                _ => assert!(!overlap(a, b), "{} over {}", a.id, b.id),
            }
        }
    }
    for edge in &layout.edges {
        assert_ne!(edge.from, edge.to);
        let (from, to) = (by_id[edge.from.as_str()], by_id[edge.to.as_str()]);
        let same = |a: &Placed, b: &Placed| a.inside.as_ref() == Some(&b.id);
        let inside = (from.inside.is_some() && from.inside == to.inside) || same(from, to) || same(to, from);
        assert!(edge.back || inside || from.x + from.w <= to.x, "{} to {} goes back", edge.from, edge.to);
        assert_eq!(edge.points.first(), Some(&(from.x + from.w, from.y + from.h / 2.0)));
        assert_eq!(edge.points.last(), Some(&(to.x, to.y + to.h / 2.0)));
    }
}

#[test]
fn a_chain_goes_to_the_right_and_children_stand_beside_their_parent() {
    let layout = layout(graph(4, &[(0, 1), (1, 2), (1, 3)]));
    check(&layout);
    let at = |id: usize| layout.nodes.iter().find(|node| node.id == id.to_string()).unwrap();
    assert!(at(0).x < at(1).x && at(1).x < at(2).x);
    assert_eq!((at(2).x, at(0).y), (at(3).x, at(1).y));
    assert!(layout.edges.iter().all(|edge| !edge.back));
}

#[test]
fn self_edges_doubles_and_edges_to_nowhere_are_dropped_and_circles_survive() {
    let layout = layout(graph(3, &[(0, 0), (0, 1), (0, 1), (1, 2), (2, 0), (2, 9)]));
    check(&layout);
    assert_eq!(layout.edges.len(), 3);
    assert_eq!(layout.edges.iter().filter(|edge| edge.back).count(), 1);
}

#[test]
fn a_group_is_a_box_around_its_members_and_a_large_one_counts_them() {
    let mut small = graph(6, &[(0, 1), (0, 2), (0, 3), (3, 5)]);
    small.groups.push(group("g", 1..=3));
    let small = layout(small);
    check(&small);
    assert_eq!(small.nodes.iter().filter(|node| node.inside.as_deref() == Some("g")).count(), 3);

    let edges: Vec<(usize, usize)> =
        (1..=10_000).map(|member| (0, member)).chain([(10_000, 10_001)]).collect();
    let mut large = graph(10_002, &edges);
    large.groups.push(group("g", 1..=10_000));
    let large = layout(large);
    check(&large);
    let ids: Vec<&str> = large.nodes.iter().map(|node| node.id.as_str()).collect();
    assert_eq!(ids, ["0", "g", "10001"]);
    assert_eq!(large.nodes[1].counts, [("SUCCESS".to_owned(), 10_000)]);
    assert_eq!(large.edges.len(), 2);
}

#[test]
fn a_deep_chain_needs_no_stack() {
    let edges: Vec<(usize, usize)> = (1..20_000).map(|at| (at - 1, at)).collect();
    let layout = layout(graph(20_000, &edges));
    assert_eq!(layout.edges.len(), 19_999);
    assert!(layout.edges.iter().all(|edge| !edge.back));
}

#[test]
fn nothing_is_drawn_of_nothing() {
    assert_eq!(layout(Graph::default()).nodes, []);
}

fn any_graph() -> impl Strategy<Value = Graph> {
    (0..40_usize).prop_flat_map(|nodes| {
        let edges = prop::collection::vec((0..nodes + 2, 0..nodes + 2), 0..80);
        let groups = prop::collection::vec(prop::collection::vec(0..nodes + 1, 0..30), 0..4);
        (Just(nodes), edges, groups).prop_map(|(nodes, edges, groups)| {
            let mut graph = graph(nodes, &edges);
            graph.groups = groups
                .into_iter()
                .enumerate()
                .map(|(at, members)| group(&format!("g{at}"), members))
                .collect();
            graph
        })
    })
}

proptest! {
    #[test]
    fn boxes_never_overlap_and_arrows_go_forward(graph in any_graph()) {
        check(&layout(graph));
    }

    #[test]
    fn the_same_graph_gives_the_same_picture(graph in any_graph()) {
        prop_assert_eq!(layout(graph.clone()), layout(graph));
    }

    #[test]
    fn no_circle_no_way_back(nodes in 1..40_usize, pairs in prop::collection::vec((0..40_usize, 0..40_usize), 0..80)) {
        let forward: Vec<(usize, usize)> =
            pairs.into_iter().filter(|(a, b)| a != b && *a < nodes && *b < nodes).map(|(a, b)| (a.min(b), a.max(b))).collect();
        let layout = layout(graph(nodes, &forward));
        check(&layout);
        prop_assert!(layout.edges.iter().all(|edge| !edge.back));
    }

    #[test]
    fn boxes_keep_their_ids_when_the_graph_grows(graph in any_graph()) {
        let before: HashSet<String> = layout(graph.clone()).nodes.into_iter().map(|node| node.id).collect();
        let mut grown = graph;
        grown.nodes.push(node(1_000));
        grown.edges.push(edge(0, 1_000));
        let after: HashSet<String> = layout(grown).nodes.into_iter().map(|node| node.id).collect();
        prop_assert!(before.is_subset(&after));
    }
}
