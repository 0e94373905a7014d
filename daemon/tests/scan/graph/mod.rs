//! `seccinch scan --graph`: graphs of real programs, and of one that is as bad as can be.

mod digraph;
mod flowchart;
mod hostile;
mod picture;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use seccinch::app::scan::graph::{Column, Edge, Graph, Language, MOST_NODES, OPTIONAL, Role, render};
use seccinch::app::scan::{graph, scan};
use seccinch::golang::is_standard_library;
use seccinch::golang::scan::Scan;
use seccinch::syscalls::display_name;
use serde_json::Value;

use crate::command::run;
use crate::fixtures::Program;
use crate::programs::PROGRAMS;

/// A graph in this language, as text.
fn text(graph: &Graph, language: Language) -> Result<String> {
    Ok(String::from_utf8(render(graph, language)?)?)
}

/// What holds of every graph, in every language.
fn check(name: &str, graph: &Graph) -> Result<()> {
    assert!(graph.nodes.len() <= MOST_NODES, "{name} has {} nodes", graph.nodes.len());
    for edge in &graph.edges {
        let ends = [edge.from, edge.to].map(|place| graph.nodes.get(place).map(|node| node.role.column()));
        let follows = [[Column::From, Column::Through], [Column::Through, Column::To]];
        assert!(follows.iter().any(|columns| ends == columns.map(Some)), "{name}: {edge:?}");
        assert!(
            !edge.syscalls.is_empty() || !edge.optional.is_empty(),
            "{name}: nothing happens on {edge:?}"
        );
        assert!(edge.syscalls.is_disjoint(&edge.optional), "{name}: {edge:?}");
    }
    picture::check(name, graph, &text(graph, Language::Svg)?)?;
    digraph::check(name, graph, &text(graph, Language::Dot)?)?;
    flowchart::check(name, graph, &text(graph, Language::Mermaid)?);
    document(name, graph, &serde_json::from_str(&text(graph, Language::Json)?)?);
    Ok(())
}

/// Check the JSON: unique names, and edges whose ends exist.
fn document(name: &str, graph: &Graph, document: &Value) {
    assert_eq!((&document["format"], &document["version"]), (&"seccinch.graph".into(), &1.into()));
    let nodes = document["nodes"].as_array().map_or(&[][..], Vec::as_slice);
    let names: BTreeSet<&str> = nodes.iter().filter_map(|node| node["id"].as_str()).collect();
    assert_eq!(names.len(), graph.nodes.len(), "{name}: {names:?}");
    let edges = document["edges"].as_array().map_or(&[][..], Vec::as_slice);
    assert_eq!(edges.len(), graph.edges.len(), "{name}");
    for edge in edges {
        for end in [&edge["from"], &edge["to"]] {
            assert!(end.as_str().is_some_and(|end| names.contains(end)), "{name}: {edge}");
        }
    }
    let optional = nodes.iter().find(|node| node["role"] == "optional");
    assert!(optional.is_none_or(|node| node["condition"] == OPTIONAL), "{name}: {optional:?}");
}

/// Check that each call of a scan is in one node of the last column, in the right one, with a way that leads to it.
fn calls_are_complete(name: &str, scan: &Scan, graph: &Graph) {
    let mut nodes = BTreeMap::new();
    for (place, node) in graph.nodes.iter().enumerate().filter(|(_, node)| node.role.column() == Column::To) {
        for &nr in &node.syscalls {
            assert_eq!(nodes.insert(nr, place), None, "{name}: {nr:?} is in two nodes");
        }
    }
    assert_eq!(nodes.keys().collect::<Vec<_>>(), scan.syscalls.keys().collect::<Vec<_>>(), "{name}");
    for (nr, place) in nodes {
        let call = display_name(scan.arch, nr);
        let is_optional = graph.nodes[place].role == Role::Optional;
        assert_eq!(is_optional, scan.syscalls[&nr].is_optional, "{name}: {call}");
        let leads = |set: &BTreeSet<_>| set.contains(&nr);
        let ways = graph.edges.iter().filter(|edge| edge.to == place);
        let (plain, optional): (Vec<_>, Vec<_>) = ways
            .filter(|edge| leads(&edge.syscalls) || leads(&edge.optional))
            .partition(|edge| leads(&edge.syscalls));
        assert_eq!(plain.is_empty(), is_optional, "{name}: {plain:?} leads to {call}");
        assert!(!plain.is_empty() || !optional.is_empty(), "{name}: nothing leads to {call}");
    }
}

/// Check that the packages in front are those that the scan attributes calls to.
fn packages_are_complete(name: &str, scan: &Scan, graph: &Graph) {
    let main = scan.go.as_ref().and_then(|go| go.path.as_deref()).unwrap_or("main");
    let unvendored = |package: &str| package.rsplit("/vendor/").next().unwrap_or_default().to_owned();
    let attributed: BTreeSet<String> = scan
        .syscalls
        .values()
        .flat_map(|reach| &reach.packages)
        .filter(|package| !is_standard_library(package) && *package != "C")
        .map(|package| unvendored(if package == "main" { main } else { package }))
        .filter(|package| !package.starts_with("golang.org/x/sys/"))
        .collect();
    let from = graph.nodes.iter().filter(|node| node.role.column() == Column::From);
    let shown: BTreeSet<String> = from.flat_map(|node| node.members.iter().cloned()).collect();
    assert_eq!(shown, attributed, "{name}");
}

/// Check all that holds of graphs on real programs, and print how large they are.
#[test]
fn graphs_of_real_programs_can_be_followed() -> Result<()> {
    for program in PROGRAMS {
        let path = program.path()?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (scan, graph) = (scan(&path, Path::new("/"))?, graph(&path, Path::new("/"))?);
        check(&name, &graph)?;
        calls_are_complete(&name, &scan, &graph);
        packages_are_complete(&name, &scan, &graph);
        let picture = text(&graph, Language::Svg)?;
        println!(
            "graph: {name:28} {:2} nodes, {:3} edges, {} bytes of SVG",
            graph.nodes.len(),
            graph.edges.len(),
            picture.len()
        );
    }
    Ok(())
}

/// Check that the graph says what the sources do: who maps and locks memory, and who starts programs.
#[test]
fn ways_are_those_of_the_sources() -> Result<()> {
    let etcd = graph(&crate::programs::debian("etcd-server", "usr/bin/etcd").path()?, Path::new("/"))?;
    let leads = |from: &Role, to: &Role, name: &str| {
        etcd.edges.iter().any(|edge| {
            let is_call = |nr| display_name(etcd.arch, nr) == name;
            etcd.nodes[edge.from].role == *from
                && etcd.nodes[edge.to].role == *to
                && edge.syscalls.iter().any(|&nr| is_call(nr))
        })
    };
    let standard = |name: &str| Role::Standard(name.to_owned());
    let bbolt = Role::Module("go.etcd.io/bbolt".to_owned());
    assert!(
        leads(&bbolt, &standard("golang.org/x/sys/unix"), "mlock"),
        "bbolt locks memory: {:?}",
        etcd.edges
    );
    assert!(leads(&bbolt, &standard("os"), "fsync"), "bbolt writes files out");
    let caddy = graph(&crate::programs::debian("caddy", "usr/bin/caddy").path()?, Path::new("/"))?;
    let is_exec_to_optional = |edge: &&Edge| {
        caddy.nodes[edge.from].role == standard("os/exec") && caddy.nodes[edge.to].role == Role::Optional
    };
    let names =
        |edge: &Edge| -> Vec<_> { edge.optional.iter().map(|&nr| display_name(caddy.arch, nr)).collect() };
    let optional: Vec<_> = caddy.edges.iter().filter(is_exec_to_optional).flat_map(names).collect();
    for name in ["chroot", "mount", "ptrace", "unshare"] {
        assert!(optional.iter().any(|other| other == name), "{name} is not in {optional:?}");
    }
    Ok(())
}

/// Check that the command writes every language, the same bytes each time, and that it takes one format only.
#[test]
fn the_command_writes_graphs() -> Result<()> {
    let path = Program::Go { program: "numbers", variant: "go1.27-cgo0-stripped" }.path()?;
    for (format, start) in
        [("mermaid", "flowchart LR\n"), ("dot", "// What numbers-"), ("json", "{\n"), ("svg", "<svg xmlns=")]
    {
        let [first, second] = [run(&path, &["--graph", format])?, run(&path, &["--graph", format])?];
        assert!(first.status.success(), "{format}: {}", String::from_utf8_lossy(&first.stderr));
        assert!(first.stdout.starts_with(start.as_bytes()), "{format}");
        assert_eq!(first.stdout, second.stdout, "{format} differs from run to run");
    }
    let both = run(&path, &["--graph", "dot", "--format", "json"])?;
    assert_eq!(both.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&both.stderr).contains("cannot be used with"));
    Ok(())
}
