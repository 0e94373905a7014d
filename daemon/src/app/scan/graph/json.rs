//! A graph as a document for programs: `seccinch.graph`, version 1 (`docs/scan.md`).

use serde::Serialize;

use super::{Column, Edge, Graph, Node, OPTIONAL, Role};
use crate::files::{WriteError, to_json};
use crate::model::SyscallNr;
use crate::syscalls::{Kind, display_name, kind};

#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    version: u32,
    program: &'a str,
    arch: &'static str,
    go: Option<&'a str>,
    package: Option<&'a str>,
    unresolved: usize,
    gaps: &'a [String],
    nodes: Vec<NodeDocument<'a>>,
    edges: Vec<EdgeDocument>,
}

#[derive(Serialize)]
struct NodeDocument<'a> {
    id: String,
    column: &'static str,
    role: &'static str,
    label: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<&'static str>,
    members: &'a [String],
    syscalls: Vec<CallDocument>,
}

#[derive(Serialize)]
struct CallDocument {
    name: String,
    number: u16,
    kind: Option<&'static str>,
    /// Whether Go code makes it; only in the last column.
    #[serde(skip_serializing_if = "Option::is_none")]
    go: Option<bool>,
}

#[derive(Serialize)]
struct EdgeDocument {
    from: String,
    to: String,
    syscalls: Vec<String>,
    optional: Vec<String>,
}

pub(super) fn render(graph: &Graph) -> Result<Vec<u8>, WriteError> {
    to_json(&Document {
        format: "seccinch.graph",
        version: 1,
        program: &graph.program,
        arch: graph.arch.name(),
        go: graph.toolchain.as_deref(),
        package: graph.package.as_deref(),
        unresolved: graph.unresolved,
        gaps: &graph.gaps,
        nodes: graph.nodes.iter().map(|node| node_document(graph, node)).collect(),
        edges: graph.edges.iter().map(|edge| edge_document(graph, edge)).collect(),
    })
}

fn node_document<'a>(graph: &Graph, node: &'a Node) -> NodeDocument<'a> {
    let call = |&nr: &SyscallNr| {
        let name = display_name(graph.arch, nr);
        let kind = kind(&name).map(Kind::name);
        let is_last = node.role.column() == Column::To;
        CallDocument { name, number: nr.get(), kind, go: is_last.then(|| !node.not_from_go.contains(&nr)) }
    };
    NodeDocument {
        id: node.role.id(),
        column: match node.role.column() {
            Column::From => "from",
            Column::Through => "through",
            Column::To => "to",
        },
        role: node.role.name(),
        label: &node.label,
        condition: (node.role == Role::Optional).then_some(OPTIONAL),
        members: &node.members,
        syscalls: node.syscalls.iter().map(call).collect(),
    }
}

fn edge_document(graph: &Graph, edge: &Edge) -> EdgeDocument {
    EdgeDocument {
        from: graph.nodes[edge.from].role.id(),
        to: graph.nodes[edge.to].role.id(),
        syscalls: graph.names(&edge.syscalls),
        optional: graph.names(&edge.optional),
    }
}
