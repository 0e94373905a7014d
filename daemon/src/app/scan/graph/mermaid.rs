//! A graph as a Mermaid flowchart.

use std::fmt::Write as _;

use super::palette::Paint;
use super::{Column, Edge, Graph};

pub(super) fn render(graph: &Graph) -> String {
    let mut text = String::from("flowchart LR\n");
    for column in [Column::From, Column::Through, Column::To] {
        let _ = writeln!(text, "  subgraph {}[\"{}\"]", column_id(column), encoded(column.title()));
        for (place, node) in graph.column(column) {
            let label: Vec<_> = graph.label(node).iter().map(|line| encoded(line)).collect();
            let label = label.join("<br/>");
            let _ = writeln!(text, "    n{place}[\"{label}\"]:::{}", Paint::of(&node.role).class);
        }
        text.push_str("  end\n");
    }
    for edge in &graph.edges {
        let _ = writeln!(text, "  n{} {} n{}", edge.from, arrow(edge), edge.to);
    }
    for paint in Paint::ALL {
        let dashed = if paint.is_dashed { ",stroke-dasharray:5 3" } else { "" };
        let Paint { class, fill, line, .. } = paint;
        let _ = writeln!(text, "  classDef {class} fill:{fill},stroke:{line},color:#0f172a{dashed}");
    }
    for line in [vec![graph.title(), graph.figures()], graph.notes()].concat() {
        let _ = writeln!(text, "  %% {}", encoded(&line));
    }
    text
}

const fn column_id(column: Column) -> &'static str {
    match column {
        Column::From => "from",
        Column::Through => "through",
        Column::To => "to",
    }
}

fn arrow(edge: &Edge) -> &'static str {
    if edge.is_optional() {
        "-.->"
    } else if edge.count() >= 10 {
        "==>"
    } else {
        "-->"
    }
}

/// Everything but letters, digits and a few signs as `#N;`, Mermaid's own form of a character by its number: neither
/// its grammar, nor the HTML that it makes of labels, nor its Markdown sees what a name holds.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | ',' | '/' | '-' | '_') {
            encoded.push(c);
        } else {
            let _ = write!(encoded, "#{};", u32::from(c));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that no sign of the grammar, of HTML or of Markdown is left in a name.
    #[test]
    fn names_are_encoded() {
        assert_eq!(encoded("a\"]; b<br>"), "a#34;#93;#59; b#60;br#62;");
        assert_eq!(encoded("*x* `y` %%{ e_z"), "#42;x#42; #96;y#96; #37;#37;#123; e_z");
        assert_eq!(encoded("github.com/a/b-c"), "github.com/a/b-c");
        assert_eq!(encoded("é"), "#233;");
    }
}
