//! A graph for Graphviz: one rank per column.

use std::fmt::Write as _;

use super::palette::{self, Paint};
use super::words::plain;
use super::{Column, Edge, Graph, Node};

pub(super) fn render(graph: &Graph) -> String {
    let mut text = String::new();
    for line in [vec![graph.title(), graph.figures()], graph.notes()].concat() {
        let _ = writeln!(text, "// {line}");
    }
    let title = format!("{}\n{}", graph.title(), graph.figures());
    text.push_str("digraph seccinch {\n");
    text.push_str("  graph [rankdir=LR, ranksep=2.5, nodesep=0.15, bgcolor=white, labelloc=t, fontname=\"sans-serif\", ");
    let _ = writeln!(text, "label={}];", quoted(&title, Justify::Centre));
    text.push_str("  node [shape=box, style=filled, fontname=\"sans-serif\", fontsize=11];\n");
    text.push_str("  edge [arrowsize=0.5, tailport=e, headport=w, fontname=\"sans-serif\"];\n");
    for column in [Column::From, Column::Through, Column::To] {
        text.push_str("  {\n    rank=same;\n");
        for (place, node) in graph.column(column) {
            let _ = writeln!(text, "    n{place} [{}];", attributes(graph, node));
        }
        text.push_str("  }\n");
    }
    for edge in &graph.edges {
        let _ = writeln!(text, "  n{} -> n{} [{}];", edge.from, edge.to, edge_attributes(graph, edge));
    }
    text.push_str("}\n");
    text
}

fn attributes(graph: &Graph, node: &Node) -> String {
    let paint = Paint::of(&node.role);
    let justify = if node.role.column() == Column::To { Justify::Left } else { Justify::Centre };
    let members: Vec<_> = node.members.iter().map(|member| plain(member)).collect();
    let tooltip = [vec![plain(&node.label)], members].concat().join("\n");
    let dashed = if paint.is_dashed { ", style=\"filled,dashed\"" } else { "" };
    format!(
        "label={}, tooltip={}, fillcolor=\"{}\", color=\"{}\"{dashed}",
        quoted(&graph.label(node).join("\n"), justify),
        quoted(&tooltip, Justify::Centre),
        paint.fill,
        paint.line
    )
}

fn edge_attributes(graph: &Graph, edge: &Edge) -> String {
    let style = if edge.is_optional() { ", style=dashed" } else { "" };
    let color = palette::of_edge(graph, edge);
    let tooltip = quoted(&graph.explained(edge), Justify::Centre);
    format!("penwidth={}, color=\"{color}\", tooltip={tooltip}{style}", palette::width_of(edge))
}

/// How the lines of a label stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Justify {
    Left,
    Centre,
}

/// A string of the language: quotes and backslashes are the language's own, and `&` begins what it takes for HTML's
/// names of characters (<https://graphviz.org/doc/info/lang.html>). Only the line breaks that were put in are left.
fn quoted(text: &str, justify: Justify) -> String {
    let end = if justify == Justify::Left { "\\l" } else { "\\n" };
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '&' => quoted.push_str("&amp;"),
            '\n' => quoted.push_str(end),
            c => quoted.push(c),
        }
    }
    if justify == Justify::Left {
        quoted.push_str(end);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that nothing in a name ends the string or acts in it.
    #[test]
    fn strings_are_quoted() {
        assert_eq!(quoted("a\"b\\n&lt;<c>", Justify::Centre), "\"a\\\"b\\\\n&amp;lt;<c>\"");
        assert_eq!(quoted("a\nb", Justify::Centre), "\"a\\nb\"");
        assert_eq!(quoted("a\nb", Justify::Left), "\"a\\lb\\l\"");
    }
}
