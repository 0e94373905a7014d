//! Colours and widths, the same in every picture.

use super::{Column, Edge, Graph, Role};

/// How a box is painted: colours of CSS, which Graphviz and Mermaid read too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paint {
    /// A word that names it in style sheets.
    pub(super) class: &'static str,
    pub(super) fill: &'static str,
    pub(super) line: &'static str,
    pub(super) is_dashed: bool,
}

impl Paint {
    const fn new(class: &'static str, fill: &'static str, line: &'static str) -> Self {
        Self { class, fill, line, is_dashed: false }
    }

    const OWN: Self = Self::new("own", "#dbeafe", "#1d4ed8");
    const MODULE: Self = Self::new("module", "#dcfce7", "#15803d");
    const STANDARD: Self = Self::new("standard", "#f1f5f9", "#475569");
    const CODE: Self = Self::new("code", "#e7e5e4", "#78716c");
    const KIND: Self = Self::new("kind", "#ffffff", "#64748b");
    const OPTIONAL: Self = Self { is_dashed: true, ..Self::new("optional", "#fef3c7", "#b45309") };

    /// Every one that there is.
    pub(super) const ALL: [Self; 6] =
        [Self::OWN, Self::MODULE, Self::STANDARD, Self::CODE, Self::KIND, Self::OPTIONAL];

    pub(super) fn of(role: &Role) -> Self {
        match role {
            Role::Own(_) | Role::OtherOwn => Self::OWN,
            Role::Module(_) | Role::OtherModules => Self::MODULE,
            Role::Standard(_) | Role::OtherStandard => Self::STANDARD,
            Role::Assembly | Role::Foreign | Role::Libraries | Role::Loader | Role::Kernel => Self::CODE,
            Role::Kind(_) | Role::Unnamed => Self::KIND,
            Role::Optional => Self::OPTIONAL,
        }
    }
}

/// Colours of lines, far enough from each other, and dark enough on white.
const LINES: [&str; 10] = [
    "#2563eb", "#c2410c", "#15803d", "#7e22ce", "#be123c", "#0e7490", "#a16207", "#4338ca", "#b91c8c",
    "#4d7c0f",
];
/// Lines of what is not Go's code stay behind the others.
const QUIET: &str = "#a8a29e";

/// All lines of a node in the middle are of one colour.
pub(super) fn of_edge(graph: &Graph, edge: &Edge) -> &'static str {
    let is_middle = |place: &usize| graph.nodes[*place].role.column() == Column::Through;
    [edge.from, edge.to].into_iter().find(is_middle).map_or(QUIET, |middle| of_middle(graph, middle))
}

/// The colour of a node in the middle.
pub(super) fn of_middle(graph: &Graph, place: usize) -> &'static str {
    if Paint::of(&graph.nodes[place].role) == Paint::CODE {
        return QUIET;
    }
    let before = graph.column(Column::Through).take_while(|(other, _)| *other != place).count();
    LINES[before % LINES.len()]
}

/// How wide the line of an edge is, in pixels and tenths: the more calls, the wider.
pub(super) fn width_of(edge: &Edge) -> &'static str {
    match edge.count() {
        0..=1 => "0.8",
        2..=4 => "1.3",
        5..=9 => "2",
        _ => "3",
    }
}
