//! Where boxes and lines lie: three columns of boxes, with lines only in the space between them.

use super::measure::{fitting, width};
use super::order::order;
use crate::app::scan::graph::words::plain;
use crate::app::scan::graph::{Column, Graph, Node};

/// The size of a box's first line, in pixels, and of the others.
pub(super) const LARGE: u32 = 13;
pub(super) const SMALL: u32 = 11;
/// The height of a line of text.
const LINE: u32 = 16;
/// Between a box's edge and its text.
pub(super) const PADDING: u32 = 9;
/// Between boxes of a column, at least, and at most.
const GAP: u32 = 14;
const MOST_GAP: u32 = 60;
/// Around everything.
pub(super) const MARGIN: u32 = 24;
/// Where the columns begin, below the title and their own.
const TOP: u32 = 108;
/// The width of the boxes of each column, and of the space for lines between columns.
const WIDTHS: [u32; 3] = [330, 260, 480];
const BETWEEN: u32 = 190;

/// How a line of text in a box is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// The name of the box.
    Name,
    /// What Go code calls, and figures.
    Normal,
    /// What is not from Go code.
    Quiet,
}

impl Style {
    pub(super) const fn size(self) -> u32 {
        match self {
            Self::Name => LARGE,
            Self::Normal | Self::Quiet => SMALL,
        }
    }
}

/// A node as it is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) lines: Vec<(Style, String)>,
}

impl Frame {
    /// The baseline of one of its lines.
    pub(super) fn baseline(&self, line: u32) -> u32 {
        self.y + PADDING + line * LINE + LINE * 3 / 4
    }

    fn middle(&self) -> u32 {
        self.y + self.height / 2
    }
}

/// A picture before it is written.
#[derive(Debug)]
pub(super) struct Layout {
    /// By the place of the node in the graph.
    pub(super) frames: Vec<Frame>,
    /// Both ends of each edge, in their order in the graph.
    pub(super) lines: Vec<[(u32, u32); 2]>,
    /// Where the columns begin, from the left.
    pub(super) columns: [u32; 3],
    pub(super) width: u32,
    /// Where the boxes end.
    pub(super) bottom: u32,
}

pub(super) fn layout(graph: &Graph) -> Layout {
    let order = order(graph);
    let mut frames: Vec<Frame> = graph.nodes.iter().map(|node| frame(graph, node)).collect();
    let columns =
        [0, 1, 2].map(|column| MARGIN + WIDTHS[..column].iter().map(|width| width + BETWEEN).sum::<u32>());
    let heights =
        order.each_ref().map(|column| column.iter().map(|&place| frames[place].height).sum::<u32>());
    let counts = order.each_ref().map(|column| u32::try_from(column.len()).unwrap_or(u32::MAX));
    let tallest = (0..3).map(|column| heights[column] + counts[column] * GAP).max().unwrap_or_default();
    for (column, places) in order.iter().enumerate() {
        let gap = tallest.saturating_sub(heights[column]) / counts[column].max(1);
        let gap = gap.clamp(GAP, MOST_GAP);
        let used = heights[column] + gap * counts[column];
        let mut y = TOP + tallest.saturating_sub(used) / 2 + gap / 2;
        for &place in places {
            (frames[place].x, frames[place].y) = (columns[column], y);
            y += frames[place].height + gap;
        }
    }
    let lines = ends(graph, &frames);
    let width = columns[2] + WIDTHS[2] + MARGIN;
    Layout { frames, lines, columns, width, bottom: TOP + tallest }
}

/// A node's box with its text, not yet at its place.
fn frame(graph: &Graph, node: &Node) -> Frame {
    let column = match node.role.column() {
        Column::From => 0,
        Column::Through => 1,
        Column::To => 2,
    };
    let inner = WIDTHS[column] - 2 * PADDING;
    let line = |style: Style, text: &str| (style, fitting(text, style.size(), inner));
    let mut text = vec![line(Style::Name, &plain(&node.label))];
    if column < 2 {
        text.push(line(Style::Normal, &node.extent()));
    } else {
        let (from_go, others) = graph.calls_of(node, |text| width(text, SMALL) <= inner);
        text.extend(from_go.iter().map(|text| line(Style::Normal, text)));
        text.extend(others.iter().map(|text| line(Style::Quiet, text)));
    }
    let count = u32::try_from(text.len()).unwrap_or(u32::MAX);
    Frame { x: 0, y: 0, width: WIDTHS[column], height: count * LINE + 2 * PADDING, lines: text }
}

/// Where lines begin and end: spread over the sides of their boxes, in the order of the boxes at their other ends.
fn ends(graph: &Graph, frames: &[Frame]) -> Vec<[(u32, u32); 2]> {
    let side = |node: usize, at_start: bool| {
        let mut edges: Vec<usize> = (0..graph.edges.len()).collect();
        edges.retain(|&edge| at_start == (graph.edges[edge].from == node) && touches(graph, edge, node));
        edges.sort_by_key(|&edge| {
            let other = if at_start { graph.edges[edge].to } else { graph.edges[edge].from };
            frames[other].middle()
        });
        edges
    };
    let mut ends = vec![[(0, 0); 2]; graph.edges.len()];
    for (node, frame) in frames.iter().enumerate() {
        for (end, x) in [frame.x + frame.width, frame.x].into_iter().enumerate() {
            let edges = side(node, end == 0);
            let count = u32::try_from(edges.len()).unwrap_or(u32::MAX);
            for (number, edge) in (0..).zip(edges) {
                ends[edge][end] = (x, frame.y + frame.height * (2 * number + 1) / (2 * count));
            }
        }
    }
    ends
}

fn touches(graph: &Graph, edge: usize, node: usize) -> bool {
    graph.edges[edge].from == node || graph.edges[edge].to == node
}
