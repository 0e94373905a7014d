//! The Mermaid flowchart, line by line: each is one of the few forms that are used of the language, and strings hold
//! nothing that its parser, its HTML or its Markdown could take for their own.

use seccinch::app::scan::graph::Graph;

/// Mermaid refuses longer texts (`maxTextSize`) and more edges (`maxEdges`), if it is not told otherwise
/// (<https://mermaid.js.org/config/schema-docs/config.html>).
const MOST_BYTES: usize = 50_000;
const MOST_EDGES: usize = 500;

/// Check that every line is one of the language, with every node and edge.
pub(super) fn check(name: &str, graph: &Graph, text: &str) {
    assert!(text.len() < MOST_BYTES && graph.edges.len() < MOST_EDGES, "{name}: {} bytes", text.len());
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("flowchart LR"), "{name}");
    let (mut nodes, mut edges) = (0, 0);
    for line in lines.map(str::trim) {
        match line.split(' ').next() {
            Some("%%") => assert!(line[2..].chars().all(is_free), "{name}: {line}"),
            Some("classDef" | "end") => {}
            Some("subgraph") => {
                assert_eq!(string(line).2, "", "{name}: {line}");
            }
            _ if line.contains('[') => {
                let (id, content, class) = string(line);
                assert_eq!(id, format!("n{nodes}"), "{name}");
                assert!(content.split("<br/>").flat_map(str::chars).all(is_free), "{name}: {line}");
                assert!(class.starts_with(":::"), "{name}: {line}");
                nodes += 1;
            }
            _ => {
                let words: Vec<_> = line.split(' ').collect();
                assert!(matches!(words[..], [_, "-->" | "==>" | "-.->", _]), "{name}: {line}");
                edges += 1;
            }
        }
    }
    assert_eq!((nodes, edges), (graph.nodes.len(), graph.edges.len()), "{name}");
}

/// What stands before a label, in it, and after it.
fn string(line: &str) -> (&str, &str, &str) {
    let (id, rest) = line.split_once("[\"").unwrap_or_default();
    let (content, class) = rest.split_once("\"]").unwrap_or_default();
    (id, content, class)
}

fn is_free(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | ',' | '/' | '-' | '_' | '#' | ';')
}
