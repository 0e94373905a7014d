//! How long files and functions may be: a file of 400 lines or a function of 60 is two things.

use super::{
    Finding,
    code::{line, word_starts},
};

struct Limits {
    file: usize,
    function: usize,
}

const USER: Limits = Limits { file: 400, function: 60 };
/// The kernel's verifier and the reader both follow every path of it.
const KERNEL: Limits = Limits { file: 120, function: 20 };

/// Files and functions over their limits.
pub(super) fn check(path: &str, code: &str) -> Vec<Finding> {
    let limits = if path.starts_with("ebpf/") { KERNEL } else { USER };
    let mut findings = Vec::new();
    let lines = code.lines().count();
    if lines > limits.file {
        findings.push(Finding::new(lines, format!("file of {lines} lines: the limit is {}", limits.file)));
    }
    for (start, lines) in functions(code) {
        if lines > limits.function {
            let message = format!("function of {lines} lines: the limit is {}", limits.function);
            findings.push(Finding::new(start, message));
        }
    }
    findings
}

/// First line and number of lines of each function with a body.
fn functions(code: &str) -> impl Iterator<Item = (usize, usize)> {
    word_starts(code, "fn").filter_map(|start| {
        let length = length(&code[start..])?;
        Some((line(code, start), code[start..start + length].matches('\n').count() + 1))
    })
}

/// Bytes from `fn` to the closing brace of the body; none for a declaration or a function type.
fn length(code: &str) -> Option<usize> {
    let is_type = code["fn".len()..].trim_start().starts_with('(');
    if is_type {
        return None;
    }
    // Semicolons are in the types of arrays too: `[u8; 4]`.
    let (mut nested, mut braces) = (0_usize, 0_usize);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => nested += 1,
            ')' | ']' => nested = nested.checked_sub(1)?,
            ';' if nested == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' if braces == 1 => return Some(at + 1),
            '}' => braces = braces.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> String {
        format!("fn f<A, B>(a: [u8; 4]) -> fn(A) -> B {{\n{}}}\n", "g({ 1 });\n".repeat(lines - 2))
    }

    /// Check that a function is measured from its signature to its brace, whatever is around it.
    #[test]
    fn measures_functions() {
        let code = format!("trait T {{ fn a(&self); }}\ntype F = fn(u8);\n{}{}", function(5), function(60));
        assert_eq!(functions(&code).collect::<Vec<_>>(), [(3, 5), (8, 60)]);
    }

    /// Check that the limits hold, and are tighter on the kernel's side.
    #[test]
    fn limits_files_and_functions() {
        let checked = |path: &str, code: &str| check(path, code).len();
        assert_eq!(checked("daemon/src/a.rs", &function(60)), 0);
        assert_eq!(checked("daemon/src/a.rs", &function(61)), 1);
        assert_eq!(checked("ebpf/src/a.rs", &function(21)), 1);
        assert_eq!(checked("daemon/src/a.rs", &"\n".repeat(400)), 0);
        assert_eq!(checked("daemon/src/a.rs", &"\n".repeat(401)), 1);
        assert_eq!(checked("ebpf/src/a.rs", &"\n".repeat(121)), 1);
    }
}
