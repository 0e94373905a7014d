//! In which order the nodes of each column stand, so that few lines cross.

use std::collections::BTreeMap;

use crate::app::scan::graph::{Column, Graph};

/// How often the columns are gone through: the order settles after some five.
const ROUNDS: usize = 24;

/// The places of the nodes of the three columns, from top to bottom: barycentres (Sugiyama, Tagawa and Toda, Methods for
/// Visual Understanding of Hierarchical System Structures, 1981).
pub(super) fn order(graph: &Graph) -> [Vec<usize>; 3] {
    let column = |column| graph.column(column).map(|(place, _)| place).collect::<Vec<_>>();
    let mut order = [column(Column::From), column(Column::Through), column(Column::To)];
    let mut best = (crossings(graph, &order), order.clone());
    for round in 0..ROUNDS {
        let columns = if round % 2 == 0 { [0, 1, 2, 1] } else { [2, 1, 0, 1] };
        for column in columns {
            arrange(graph, &mut order, column);
        }
        let crossings = crossings(graph, &order);
        if crossings < best.0 {
            best = (crossings, order.clone());
        }
    }
    best.1
}

/// Where each node stands in its column, between 0 at the top and 1 at the bottom.
fn heights(order: &[Vec<usize>; 3]) -> BTreeMap<usize, f64> {
    let mut heights = BTreeMap::new();
    for column in order {
        let count = f64::from(u32::try_from(column.len()).unwrap_or(u32::MAX));
        let steps = (0..u32::MAX).map(|step| (f64::from(step) + 0.5) / count);
        heights.extend(column.iter().copied().zip(steps));
    }
    heights
}

/// Sorts a column by the mean height of what its nodes are linked to. Those without a link stay about where they are.
fn arrange(graph: &Graph, order: &mut [Vec<usize>; 3], column: usize) {
    let heights = heights(order);
    let centre = |node: usize| {
        let (mut sum, mut weight) = (0.0, 0.0);
        for edge in graph.edges.iter().filter(|edge| edge.from == node || edge.to == node) {
            let other = if edge.from == node { edge.to } else { edge.from };
            let calls = f64::from(u32::try_from(edge.count()).unwrap_or(u32::MAX)).sqrt();
            sum += heights[&other] * calls;
            weight += calls;
        }
        if weight > 0.0 { sum / weight } else { heights[&node] }
    };
    order[column].sort_by(|&left, &right| centre(left).total_cmp(&centre(right)).then(left.cmp(&right)));
}

/// How many pairs of lines cross.
fn crossings(graph: &Graph, order: &[Vec<usize>; 3]) -> usize {
    let mut rank = BTreeMap::new();
    for column in order {
        rank.extend(column.iter().copied().zip(0_usize..));
    }
    let ends: Vec<_> = graph
        .edges
        .iter()
        .map(|edge| (graph.nodes[edge.from].role.column(), rank[&edge.from], rank[&edge.to]))
        .collect();
    let pairs =
        ends.iter().enumerate().flat_map(|(at, one)| ends[..at].iter().map(move |other| (one, other)));
    let cross = |(one, other): &(&(Column, usize, usize), &(Column, usize, usize))| {
        let is_above = |left: usize, right: usize| left < right;
        let apart = one.1 != other.1 && one.2 != other.2;
        one.0 == other.0 && apart && is_above(one.1, other.1) != is_above(one.2, other.2)
    };
    pairs.filter(cross).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::scan::graph::testing::{graph, link};

    /// Check that lines that need not cross don't, in the end.
    #[test]
    fn crossings_are_lessened() {
        let mut graph = graph(4);
        graph.edges.clear();
        // Every column is linked to the next one upside down.
        for place in 0..4 {
            link(&mut graph, place, 7 - place, 1);
            link(&mut graph, 4 + place, 11 - place, 1);
        }
        let start = [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9, 10, 11]];
        assert_eq!(crossings(&graph, &start), 12);
        let order = order(&graph);
        assert_eq!(crossings(&graph, &order), 0, "{order:?}");
        for column in order {
            assert_eq!(column.len(), 4);
        }
    }
}
