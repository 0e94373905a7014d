//! The graph for Graphviz, read by its grammar as far as it is used, and by Graphviz where that is installed.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use seccinch::app::scan::graph::Graph;

/// Check that it is what the language takes, with every node and edge.
pub(super) fn check(name: &str, graph: &Graph, text: &str) -> Result<()> {
    let tokens = tokens(text);
    let arrows = tokens.iter().filter(|token| *token == "->").count();
    assert_eq!(arrows, graph.edges.len(), "{name}");
    assert_eq!(
        tokens.iter().filter(|token| token.starts_with("label=")).count(),
        1 + graph.nodes.len(),
        "{name}"
    );
    for (open, close) in [("{", "}"), ("[", "]")] {
        let count = |wanted: &str| tokens.iter().filter(|token| *token == wanted).count();
        assert_eq!(count(open), count(close), "{name}: {open}");
    }
    for node in 0..graph.nodes.len() {
        assert!(tokens.contains(&format!("n{node}")), "{name}: no node n{node}");
    }
    by_graphviz(name, graph, text)
}

/// Words and signs; an attribute with a string is one token without its content. Comments are left out.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with("//")) {
        let mut rest = line.trim();
        while let Some(first) = rest.chars().next() {
            let end = match first {
                '{' | '}' | '[' | ']' | ';' | ',' => 1,
                _ if rest.starts_with("->") => 2,
                _ => word(rest),
            };
            assert!(end > 0, "{rest:?} is no word of the language");
            tokens.push(rest[..end].to_owned());
            rest = rest[end..].trim_start();
        }
    }
    tokens
}

/// The length of a name, or of a name, `=`, and a value: a plain one, or a string to the quote that ends it.
fn word(text: &str) -> usize {
    let name = |text: &str| {
        text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(text.len())
    };
    let end = name(text);
    let Some(value) = text[end..].strip_prefix('=') else { return end };
    let Some(string) = value.strip_prefix('"') else { return end + 1 + name(value) };
    let mut is_escaped = false;
    for (at, c) in string.char_indices() {
        match c {
            '"' if !is_escaped => return end + 2 + at + 1,
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    0
}

/// Has Graphviz lay it out, and finds as many nodes and edges in what it says.
fn by_graphviz(name: &str, graph: &Graph, text: &str) -> Result<()> {
    let mut command = Command::new("dot");
    command.arg("-Tplain").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            println!("graph: {name}: not read by Graphviz: {error}");
            return Ok(());
        }
    };
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        let text = text.as_bytes().to_vec();
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(&text)));
        child.wait_with_output()
    })?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && said.is_empty(), "{name}: Graphviz says {said}");
    let plain = String::from_utf8_lossy(&output.stdout).into_owned();
    let count = |what: &str| plain.lines().filter(|line| line.starts_with(what)).count();
    assert_eq!((count("node "), count("edge ")), (graph.nodes.len(), graph.edges.len()), "{name}");
    Ok(())
}
