//! Graphs for tests.

use std::collections::BTreeSet;

use super::{Edge, Graph, Node, Role};
use crate::model::{Arch, SyscallNr};
use crate::syscalls::Kind;

/// Three columns of `rows` nodes each, every one linked to its neighbour on the right.
pub(super) fn graph(rows: usize) -> Graph {
    let name = |row: usize| format!("example.com/module{row}");
    let own = (0..rows).map(|row| Role::Module(name(row)));
    let standard = (0..rows).map(|row| Role::Standard(name(row)));
    let roles = own.chain(standard).chain(Kind::all().take(rows).map(Role::Kind));
    let node = |role: Role| Node {
        label: role.id(),
        role,
        members: Vec::new(),
        syscalls: SyscallNr::new(1).into_iter().collect(),
        not_from_go: BTreeSet::new(),
    };
    let mut graph = Graph {
        program: "program".to_owned(),
        arch: Arch::X86_64,
        toolchain: None,
        package: None,
        syscalls: 1,
        from_go: 1,
        unresolved: 0,
        gaps: Vec::new(),
        nodes: roles.map(node).collect(),
        edges: Vec::new(),
    };
    for row in 0..2 * rows {
        link(&mut graph, row, row + rows, 1);
    }
    graph
}

/// Adds an edge of so many calls.
pub(super) fn link(graph: &mut Graph, from: usize, to: usize, calls: u16) {
    let syscalls = (0..calls).filter_map(SyscallNr::new).collect();
    graph.edges.push(Edge { from, to, syscalls, optional: BTreeSet::new() });
}
