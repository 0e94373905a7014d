//! The module list is the architecture: data moves from left to right, and a module imports only from
//! its left.

use super::{
    Finding,
    code::{line, word_starts},
};

/// The modules of the daemon in the order that data takes through them.
const ORDER: &[&str] = &["kernel", "collect", "learn", "policy", "emit", "export", "app", "cli"];
/// Modules that serve all of them, with what each may import of the crate.
const SERVING: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("syscalls", &["model"]),
    ("golang", &["model", "syscalls"]),
    // Golang's facts, read by a process without privileges.
    ("inspect", &["golang", "model", "sys"]),
    // Shims: of system calls, and of reading and writing files whole.
    ("sys", &[]),
    ("files", &[]),
    // The files of a container image.
    ("image", &["files", "model"]),
];
const SOURCES: &str = "daemon/src/";

/// Imports that go against the order, and modules that have no place in it.
pub(super) fn check(path: &str, code: &str) -> Vec<Finding> {
    let Some(module) = module(path) else { return Vec::new() };
    let Some(allowed) = allowed(module) else {
        let message =
            format!("module `{module}` has no place in the module order: give it one in tidy/edges.rs");
        return vec![Finding::new(1, message)];
    };
    let code = relative_as_absolute(path, code);
    let wrong = |name: &str| name != module && !allowed.contains(&name);
    imports(&code)
        .into_iter()
        .filter(|(_, name)| wrong(name))
        .map(|(line, name)| Finding::new(line, message(module, name, &allowed)))
        .collect()
}

fn message(module: &str, name: &str, allowed: &[&str]) -> String {
    let allowed = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
    format!("`{module}` imports `{name}`, but may import of the crate only: {allowed}")
}

/// The top module that a file of the daemon's library belongs to.
fn module(path: &str) -> Option<&str> {
    let inside = path.strip_prefix(SOURCES)?;
    let first = inside.split('/').next()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!["lib", "main", "bin"].contains(&name)).then_some(name)
}

/// What a module may import of the crate; none if it has no place.
fn allowed(module: &str) -> Option<Vec<&'static str>> {
    if let Some((_, allowed)) = SERVING.iter().find(|(name, _)| *name == module) {
        return Some(allowed.to_vec());
    }
    let place = ORDER.iter().position(|name| *name == module)?;
    Some(SERVING.iter().map(|(name, _)| *name).chain(ORDER[..place].iter().copied()).collect())
}

/// Turns a top-level `use super::…` that leaves the module into `use crate::…`.
fn relative_as_absolute(path: &str, code: &str) -> String {
    let inside = path.trim_start_matches(SOURCES).trim_end_matches("/mod.rs");
    let up = "super::".repeat(inside.split('/').count());
    format!("\n{code}").replace(&format!("\nuse {up}"), "\nuse crate::")[1..].to_owned()
}

/// The modules named by `crate::x` and `crate::{x, y::z}`, with their lines. Items of the crate's root
/// that are no modules begin with a capital.
fn imports(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for start in word_starts(code, "crate") {
        let Some(after) = code[start..].strip_prefix("crate::") else { continue };
        let names = match after.trim_start().strip_prefix('{') {
            Some(group) => heads(group),
            None => vec![identifier(after)],
        };
        let is_module = |name: &&str| name.starts_with(|c: char| c.is_ascii_lowercase());
        found.extend(names.into_iter().filter(is_module).map(|name| (line(code, start), name)));
    }
    found
}

/// The first names of the paths in a group, up to its closing brace.
fn heads(group: &str) -> Vec<&str> {
    let (mut depth, mut from, mut heads) = (0_usize, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                heads.push(identifier(&group[from..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                heads.push(identifier(&group[from..at]));
                from = at + 1;
            }
            _ => {}
        }
    }
    heads
}

fn identifier(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, code: &str) -> Vec<usize> {
        check(path, code).into_iter().map(|finding| finding.line).collect()
    }

    /// Check that imports from the left, of serving modules, of the own one, and of root items pass.
    #[test]
    fn allows_what_is_left() {
        let code = "use crate::{Error, collect::{Sample, x}, model::Role, learn};\nuse crate::kernel::Counter;\n\
                    fn f() { crate::learn::g(); crate::sys::kill(); crate::golang::parse() }";
        assert_eq!(check("daemon/src/learn/baseline.rs", code), []);
        assert_eq!(check("daemon/src/golang/mod.rs", "use crate::syscalls::Nr;"), []);
    }

    /// Check that an import from the right is found on its line, however it is written.
    #[test]
    fn finds_what_is_right() {
        assert_eq!(lines("daemon/src/policy/mod.rs", "use crate::model;\nuse crate::emit::Oci;"), [2]);
        assert_eq!(lines("daemon/src/policy.rs", "\nuse crate::{\n  model,\n  app::run };"), [2]);
        assert_eq!(lines("daemon/src/policy/a.rs", "fn f() { crate :: g(); crate::export::h() }"), [1]);
        assert_eq!(lines("daemon/src/collect/mod.rs", "use super::learn::Baseline;"), [1]);
        assert_eq!(lines("daemon/src/collect/a.rs", "use super::super::learn::Baseline;"), [1]);
    }

    /// Check that a sibling that has the name of a top module is no import of that module.
    #[test]
    fn allows_siblings() {
        assert_eq!(check("daemon/src/collect/a.rs", "use super::emit::Pause;"), []);
    }

    /// Check that `model` imports nothing, and `syscalls` only `model`.
    #[test]
    fn serving_modules_are_leaves() {
        assert_eq!(lines("daemon/src/model/role.rs", "use crate::syscalls::Nr;"), [1]);
        assert_eq!(lines("daemon/src/syscalls/mod.rs", "use crate::golang::Build;"), [1]);
        assert_eq!(lines("daemon/src/sys.rs", "use crate::model::Nr;"), [1]);
    }

    /// Check that a module that nobody has given a place is found, and that the roots have none.
    #[test]
    fn unknown_module() {
        assert_eq!(lines("daemon/src/utils.rs", ""), [1]);
        assert_eq!(check("daemon/src/lib.rs", "pub use crate::app::run;"), []);
        assert_eq!(check("daemon/tests/real/main.rs", "use crate::support;"), []);
    }
}
