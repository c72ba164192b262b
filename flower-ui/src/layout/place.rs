//! Coordinates.

use std::collections::HashMap;

use super::{
    Drawn, Layout, Placed,
    collapse::{Unit, Units},
};

/// Of this form of layout.
const VERSION: u32 = 1;
const WIDTH: f64 = 200.0;
const HEIGHT: f64 = 44.0;
/// Between boxes above each other.
const GAP: f64 = 16.0;
/// Between layers.
const LAYER: f64 = 72.0;
/// Around the members of a container, and above them for its label.
const PAD: f64 = 12.0;
const HEAD: f64 = 28.0;

impl Unit {
    fn is_container(&self) -> bool {
        !self.members.is_empty()
    }

    fn width(&self) -> f64 {
        if self.is_container() { WIDTH + 2.0 * PAD } else { WIDTH }
    }

    #[allow(clippy::cast_precision_loss)] // members are few
    fn height(&self) -> f64 {
        match self.members.len() {
            0 => HEIGHT,
            members => HEAD + PAD + members as f64 * HEIGHT + (members - 1) as f64 * GAP,
        }
    }
}

pub(super) fn place(units: Units, ranks: &[usize]) -> Layout {
    let tops = tops(&units, ranks);
    let lefts = lefts(&units.units, ranks);
    let mut nodes: Vec<Placed> = Vec::new();
    for (at, unit) in units.units.into_iter().enumerate() {
        put(&mut nodes, unit, lefts[ranks[at]], tops[at]);
    }
    let mut layout = Layout { version: VERSION, ..Layout::default() };
    for node in &nodes {
        layout.width = layout.width.max(node.x + node.w);
        layout.height = layout.height.max(node.y + node.h);
    }
    let places: HashMap<&str, &Placed> = nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    for edge in units.edges {
        let (from, to) = (places[edge.from.as_str()], places[edge.to.as_str()]);
        let within = units.unit_of[&edge.from] == units.unit_of[&edge.to];
        let (points, back) = points(from, to);
        layout.edges.push(Drawn {
            from: edge.from,
            to: edge.to,
            kind: edge.kind,
            points,
            back: back && !within,
        });
    }
    layout.nodes = nodes;
    layout
}

/// Where each layer begins.
fn lefts(units: &[Unit], ranks: &[usize]) -> Vec<f64> {
    let layers = ranks.iter().max().map_or(0, |last| last + 1);
    let mut widths: Vec<f64> = vec![0.0; layers];
    for (unit, rank) in units.iter().zip(ranks) {
        widths[*rank] = widths[*rank].max(unit.width());
    }
    let mut left = 0.0;
    let begin = |width: f64| {
        let at = left;
        left += width + LAYER;
        at
    };
    widths.into_iter().map(begin).collect()
}

/// How far down each unit is: beside what points to it, as far as there is room; in the order they came otherwise.
fn tops(units: &Units, ranks: &[usize]) -> Vec<f64> {
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); units.units.len()];
    for (from, to) in units.arrows() {
        if ranks[from] < ranks[to] {
            before[to].push(from);
        }
    }
    let mut layers: Vec<Vec<usize>> = Vec::new();
    for (at, rank) in ranks.iter().enumerate() {
        if layers.len() <= *rank {
            layers.resize(rank + 1, Vec::new());
        }
        layers[*rank].push(at);
    }
    let mut tops = vec![0.0; units.units.len()];
    let mut middles = vec![0.0; units.units.len()];
    for layer in layers {
        let mut wanted: Vec<(f64, usize)> = layer
            .into_iter()
            .map(|at| {
                #[allow(clippy::cast_precision_loss)] // units are few
                let share = before[at].len() as f64;
                let sum: f64 = before[at].iter().map(|from| middles[*from]).sum();
                (if share > 0.0 { sum / share } else { 0.0 }, at)
            })
            .collect();
        wanted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut free = 0.0_f64;
        // What wants to be at one height is placed around it as a block.
        for block in wanted.chunk_by(|a, b| (a.0 - b.0).abs() < f64::EPSILON) {
            let height: f64 = block.iter().map(|(_, at)| units.units[*at].height() + GAP).sum::<f64>() - GAP;
            let mut top = free.max(block[0].0 - height / 2.0);
            for (_, at) in block {
                tops[*at] = top;
                middles[*at] = top + units.units[*at].height() / 2.0;
                top += units.units[*at].height() + GAP;
            }
            free = top;
        }
    }
    tops
}

fn put(nodes: &mut Vec<Placed>, unit: Unit, x: f64, y: f64) {
    let (w, h, kind) = (unit.width(), unit.height(), unit.kind);
    let container = unit.is_container().then(|| unit.id.clone());
    nodes.push(Placed {
        id: unit.id,
        x,
        y,
        w,
        h,
        kind,
        label: unit.label,
        state: unit.state,
        inside: None,
        counts: unit.counts,
    });
    let mut top = y + HEAD;
    for node in unit.members {
        nodes.push(Placed {
            id: node.id,
            x: x + PAD,
            y: top,
            w: WIDTH,
            h: HEIGHT,
            kind: node.kind,
            label: node.label,
            state: node.state,
            inside: container.clone(),
            counts: Vec::new(),
        });
        top += HEIGHT + GAP;
    }
}

/// From the right side of one box to the left side of another; whether that goes back.
fn points(from: &Placed, to: &Placed) -> (Vec<(f64, f64)>, bool) {
    let start = (from.x + from.w, from.y + from.h / 2.0);
    let end = (to.x, to.y + to.h / 2.0);
    let back = end.0 <= start.0;
    let points = if back {
        let below = (from.y + from.h).max(to.y + to.h) + GAP / 2.0;
        let (right, left) = (start.0 + LAYER / 3.0, end.0 - LAYER / 3.0);
        vec![start, (right, start.1), (right, below), (left, below), (left, end.1), end]
    } else {
        let middle = f64::midpoint(start.0, end.0);
        vec![start, (middle, start.1), (middle, end.1), end]
    };
    (points, back)
}
