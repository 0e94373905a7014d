//! What must not be written, or only in some places.

use super::{
    Finding,
    code::{line, word_starts},
};

/// Left-overs, and ways to be silent about a fault.
const NEVER: &[(&str, &str)] = &[
    ("todo!", "finish it or leave it out"),
    ("unimplemented!", "finish it or leave it out"),
    ("dbg!", "use tracing"),
    ("#[ignore", "a test runs, or names the missing capability and is counted as skipped"),
    ("#[allow(", "use `#[expect(…, reason = \"…\")]`"),
    ("#![allow(", "use `#![expect(…, reason = \"…\")]`"),
];

/// Forbidden words and words in the wrong place.
pub(super) fn check(path: &str, code: &str) -> Vec<Finding> {
    let never = NEVER.iter().flat_map(|(word, instead)| {
        code.match_indices(word)
            .map(move |(at, _)| Finding::new(line(code, at), format!("`{word}`: {instead}")))
    });
    let misplaced = PLACES.iter().filter(|place| (place.covers)(path) && !(place.allows)(path));
    never.chain(misplaced.flat_map(|place| place.find(code))).collect()
}

/// A word that is kept to some files.
struct Place {
    word: &'static str,
    /// Whether longer names count too: `aya_log` for `aya`.
    prefix: bool,
    covers: fn(&str) -> bool,
    allows: fn(&str) -> bool,
    message: &'static str,
}

const PLACES: &[Place] = &[
    Place {
        word: "aya",
        prefix: true,
        covers: |path| path.starts_with("daemon/src/"),
        allows: is_kernel,
        message: "only daemon/src/kernel names aya",
    },
    Place {
        word: "unsafe",
        prefix: false,
        covers: |path| path.starts_with("daemon/src/") || path.starts_with("xtask/"),
        allows: |path| is_kernel(path) || path.starts_with("daemon/src/sys/"),
        message: "unsafe code lives in daemon/src/kernel and in the system-call shims of daemon/src/sys",
    },
    Place {
        word: "serde",
        prefix: true,
        covers: |path| path.starts_with("daemon/src/model"),
        allows: |_| false,
        message: "core types derive no serde: a file format has its own types at the edge",
    },
];

fn is_kernel(path: &str) -> bool {
    path.starts_with("daemon/src/kernel/") || path == "daemon/src/kernel.rs"
}

impl Place {
    fn find<'a>(&'a self, code: &'a str) -> impl Iterator<Item = Finding> + 'a {
        let longer = code.match_indices(self.word).map(|(at, _)| at).filter(|&at| {
            let (before, after) = (&code[..at], &code[at + self.word.len()..]);
            self.prefix
                && !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
                && after.starts_with('_')
        });
        word_starts(code, self.word).chain(longer).map(|at| Finding::new(line(code, at), self.message))
    }
}

/// Paths of somebody's machine: the clone's own, and those below a home folder.
pub(super) fn machine_paths(text: &str, clone: &str) -> Vec<Finding> {
    let home = ["/ro", "ot/"].concat();
    let homes = ["/ho", "me/"].concat();
    let mut found = Vec::new();
    for (index, content) in text.lines().enumerate() {
        let names = |path: &str| starts_of_paths(content, path).next().is_some();
        let in_a_home = starts_of_paths(content, &homes)
            .any(|at| content[at + homes.len()..].starts_with(|c: char| c.is_alphanumeric()));
        if names(clone) || names(&home) || in_a_home {
            found.push(Finding::new(index + 1, "a path of one machine: make it relative to the clone"));
        }
    }
    found
}

/// Where `path` stands and is not the end of a longer one, as in `/proc/1/…` or `{proc}/…`.
fn starts_of_paths<'a>(line: &'a str, path: &'a str) -> impl Iterator<Item = usize> + 'a {
    let longer = |c: char| c.is_alphanumeric() || "_-.}>*]".contains(c);
    line.match_indices(path).map(|(at, _)| at).filter(move |&at| !line[..at].ends_with(longer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, code: &str) -> Vec<usize> {
        check(path, code).into_iter().map(|finding| finding.line).collect()
    }

    /// Check that left-overs are found anywhere.
    #[test]
    fn finds_left_overs() {
        let code = "fn f() {\n  dbg!(1);\n  todo!()\n}\n#[ignore]\n#[allow(dead_code)]\n#[expect(x)]";
        let mut found = lines("xtask/src/a.rs", code);
        found.sort_unstable();
        assert_eq!(found, [2, 3, 5, 6]);
    }

    /// Check that aya is named by the kernel module only, by whatever crate of it.
    #[test]
    fn keeps_aya_in_kernel() {
        assert_eq!(lines("daemon/src/app/mod.rs", "use aya::Ebpf;\nuse aya_log::X;\nlet playa = 1;"), [1, 2]);
        assert_eq!(check("daemon/src/kernel/load.rs", "use aya::Ebpf;"), []);
        assert_eq!(check("common/src/lib.rs", "use aya::Pod;"), []);
    }

    /// Check that unsafe code is in the kernel module and the shims only; the lint's name is no code.
    #[test]
    fn keeps_unsafe_in_shims() {
        assert_eq!(lines("daemon/src/app.rs", "#[expect(unsafe_code)]\nunsafe { f() }"), [2]);
        assert_eq!(check("daemon/src/sys/mount.rs", "unsafe { f() }"), []);
        assert_eq!(lines("daemon/src/system.rs", "unsafe { f() }"), [1]);
    }

    /// Check that the core types know no file format.
    #[test]
    fn keeps_serde_out_of_model() {
        assert_eq!(lines("daemon/src/model/role.rs", "#[derive(serde::Serialize)]\nstruct R;"), [1]);
        assert_eq!(check("daemon/src/emit/oci.rs", "#[derive(serde::Serialize)]\nstruct R;"), []);
    }

    /// Check that paths of a machine are found, and paths that only look like one are not.
    #[test]
    fn finds_machine_paths() {
        let home = ["/ro", "ot/"].concat();
        let user = ["/ho", "me/", "someone/x"].concat();
        let text = format!(
            "{home}x\n/proc/1{home}etc\n{{proc}}{home}etc\nin {user}\n/srv/clone/a\n/ho\u{6d}e/<name>"
        );
        let found: Vec<usize> =
            machine_paths(&text, "/srv/clone").iter().map(|finding| finding.line).collect();
        assert_eq!(found, [1, 4, 5]);
    }
}
