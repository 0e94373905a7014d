//! The behaviour graph of a program: which packages lead to which system calls, grouped so that a person can follow it.
//!
//! A scan and its ways in; three columns of nodes out, at most [`MOST_NODES`] in all, in the order in which every format
//! writes them: who leads in (packages of the program, modules that it depends on), what they call (the standard library,
//! and code that is not Go), and the system calls by kind. [`render`] makes a picture or a document of it.

mod dot;
mod group;
mod json;
mod keep;
mod mermaid;
mod owner;
mod palette;
mod svg;
#[cfg(test)]
mod testing;
mod words;

use std::collections::BTreeSet;

use crate::files::WriteError;
use crate::golang::scan::{Paths, Scan};
use crate::model::{Arch, SyscallNr};
use crate::syscalls::{Kind, display_name};

/// How many nodes a graph has at most.
pub const MOST_NODES: usize = 40;

/// What the node of calls that need options of `os/exec` is called, in every format.
pub const OPTIONAL: &str = "only if the program sets SysProcAttr options";

/// How a graph is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// A Mermaid flowchart.
    Mermaid,
    /// A digraph for Graphviz.
    Dot,
    /// `seccinch.graph` (`docs/scan.md`).
    Json,
    /// A picture.
    Svg,
}

/// Which packages of a program lead to which system calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    /// The program's file name.
    pub program: String,
    /// The architecture that it is for.
    pub arch: Arch,
    /// The Go toolchain, as it names itself.
    pub toolchain: Option<String>,
    /// The import path of its main package.
    pub package: Option<String>,
    /// How many system calls it can make.
    pub syscalls: usize,
    /// How many of them Go code makes.
    pub from_go: usize,
    /// Calls whose number could not be found out: they are in no node.
    pub unresolved: usize,
    /// What could not be looked at.
    pub gaps: Vec<String>,
    /// All nodes, column by column.
    pub nodes: Vec<Node>,
    /// All edges, in the order of their ends.
    pub edges: Vec<Edge>,
}

/// A group of packages or of system calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it stands for.
    pub role: Role,
    /// What people call it. It may hold any characters.
    pub label: String,
    /// The packages or libraries in it, sorted.
    pub members: Vec<String>,
    /// The calls that it leads to, or consists of.
    pub syscalls: BTreeSet<SyscallNr>,
    /// Those of them that no Go code makes; only of a kind.
    pub not_from_go: BTreeSet<SyscallNr>,
}

/// What a node stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A package of the program's own module.
    Own(String),
    /// Packages of the program's own module that lead to few calls.
    OtherOwn,
    /// A module that the program depends on.
    Module(String),
    /// Modules that lead to few calls.
    OtherModules,
    /// A package of the standard library, or of `golang.org/x/sys`.
    Standard(String),
    /// Packages of the standard library that lead to few calls.
    OtherStandard,
    /// Machine code of a package that makes the call itself.
    Assembly,
    /// Code of the program that is not Go.
    Foreign,
    /// The C library and others that are loaded.
    Libraries,
    /// The dynamic linker.
    Loader,
    /// Whoever starts the program, and the kernel.
    Kernel,
    /// Calls of one kind.
    Kind(Kind),
    /// Calls that are newer than this program.
    Unnamed,
    /// Calls that are made only for options of `os/exec`.
    Optional,
}

/// The columns of a graph, from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// Who leads in.
    From,
    /// What is called.
    Through,
    /// System calls.
    To,
}

/// What leads from a node to one of the next column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The place of a node in [`Graph::nodes`].
    pub from: usize,
    /// The place of another one.
    pub to: usize,
    /// The calls that are made on this way.
    pub syscalls: BTreeSet<SyscallNr>,
    /// More calls, that are made only if the program sets `SysProcAttr` options.
    pub optional: BTreeSet<SyscallNr>,
}

impl Graph {
    /// The graph of a scanned program, which is called `program`.
    pub fn new(program: &str, scan: &Scan, paths: &Paths) -> Self {
        group::group(program, scan, paths)
    }

    /// The names of calls, in the order of the alphabet.
    fn names(&self, calls: &BTreeSet<SyscallNr>) -> Vec<String> {
        let mut names: Vec<_> = calls.iter().map(|&nr| display_name(self.arch, nr)).collect();
        names.sort_unstable();
        names
    }

    fn column(&self, column: Column) -> impl Iterator<Item = (usize, &Node)> {
        self.nodes.iter().enumerate().filter(move |(_, node)| node.role.column() == column)
    }
}

impl Role {
    /// Where it stands.
    pub fn column(&self) -> Column {
        match self {
            Self::Own(_) | Self::OtherOwn | Self::Module(_) | Self::OtherModules => Column::From,
            Self::Kind(_) | Self::Unnamed | Self::Optional => Column::To,
            _ => Column::Through,
        }
    }

    /// One word for it, as JSON has it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Own(_) => "own",
            Self::OtherOwn => "other-own",
            Self::Module(_) => "module",
            Self::OtherModules => "other-modules",
            Self::Standard(_) => "standard",
            Self::OtherStandard => "other-standard",
            Self::Assembly => "assembly",
            Self::Foreign => "foreign",
            Self::Libraries => "libraries",
            Self::Loader => "loader",
            Self::Kernel => "kernel",
            Self::Kind(_) => "kind",
            Self::Unnamed => "unnamed",
            Self::Optional => "optional",
        }
    }

    /// What no other node of a graph is called.
    fn id(&self) -> String {
        match self {
            Self::Own(name) | Self::Module(name) | Self::Standard(name) => format!("{}:{name}", self.name()),
            Self::Kind(kind) => format!("kind:{}", kind.name()),
            _ => self.name().to_owned(),
        }
    }
}

impl Column {
    /// What stands above it: together, a sentence.
    const fn title(self) -> &'static str {
        match self {
            Self::From => "The program and its modules",
            Self::Through => "call these packages and libraries,",
            Self::To => "which make these system calls",
        }
    }
}

impl Edge {
    /// Whether nothing happens on it unless options are set.
    fn is_optional(&self) -> bool {
        self.syscalls.is_empty()
    }

    fn count(&self) -> usize {
        self.syscalls.len() + self.optional.len()
    }
}

/// Writes a graph in one of the languages.
pub fn render(graph: &Graph, language: Language) -> Result<Vec<u8>, WriteError> {
    Ok(match language {
        Language::Mermaid => mermaid::render(graph).into_bytes(),
        Language::Dot => dot::render(graph).into_bytes(),
        Language::Json => json::render(graph)?,
        Language::Svg => svg::render(graph).into_bytes(),
    })
}
