//! Which layer each unit is in.

/// The layer of each of `count` units, from 0: one more than the highest before it. Arrows that close a circle do
/// not count. Takes no stack, however deep the graph.
pub(super) fn ranks(count: usize, arrows: &[(usize, usize)]) -> Vec<usize> {
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (from, to) in arrows {
        after[*from].push(*to);
    }
    let mut ranks = vec![0; count];
    // Against their order each unit comes after all it points to.
    for unit in finished(&after).into_iter().rev() {
        for next in &after[unit.at] {
            if unit.forward(*next) {
                ranks[*next] = ranks[*next].max(ranks[unit.at] + 1);
            }
        }
    }
    ranks
}

/// A unit in the order in which it was left.
struct Left {
    at: usize,
    /// Those whose arrow to it closes a circle: they were above it.
    above: Vec<usize>,
}

impl Left {
    fn forward(&self, next: usize) -> bool {
        !self.above.contains(&next)
    }
}

/// All units, depth first, each when it is left.
fn finished(after: &[Vec<usize>]) -> Vec<Left> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; after.len()];
    let mut order = Vec::with_capacity(after.len());
    let mut has_before = vec![false; after.len()];
    after.iter().flatten().for_each(|to| has_before[*to] = true);
    // Beginnings first: a circle is cut where it comes back to what is nearest to them.
    let starts = (0..after.len()).filter(|at| !has_before[*at]).chain(0..after.len()).collect::<Vec<_>>();
    for start in starts {
        if marks[start] != Mark::New {
            continue;
        }
        marks[start] = Mark::Open;
        let mut path = vec![(start, 0, Vec::new())];
        while let Some((at, next, above)) = path.last_mut() {
            match after[*at].get(*next).copied() {
                None => {
                    marks[*at] = Mark::Done;
                    let (at, above) = (*at, std::mem::take(above));
                    path.pop();
                    order.push(Left { at, above });
                }
                Some(to) => {
                    *next += 1;
                    match marks[to] {
                        Mark::New => {
                            marks[to] = Mark::Open;
                            path.push((to, 0, Vec::new()));
                        }
                        Mark::Open => above.push(to),
                        Mark::Done => {}
                    }
                }
            }
        }
    }
    order
}
