//! What the program does with each kind of input, as a whole: it may refuse it, and nothing else.

pub(crate) mod elf;
mod http;
mod text;

pub use elf::{image, inspect, pclntab, scan};
pub use http::http;
pub use text::{control, observations, profile, rules, workload};

/// One kind of input.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: that of the fuzz target, and of the folders with input for it.
    pub name: &'static str,
    /// What is done with it. It must not panic, and must be done soon, with little memory.
    pub exercise: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 10] = [
    Target { name: "image", exercise: image },
    Target { name: "inspect", exercise: inspect },
    Target { name: "pclntab", exercise: pclntab },
    Target { name: "scan", exercise: scan },
    Target { name: "profile", exercise: profile },
    Target { name: "observations", exercise: observations },
    Target { name: "http", exercise: http },
    Target { name: "control", exercise: control },
    Target { name: "workload", exercise: workload },
    Target { name: "rules", exercise: rules },
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}
