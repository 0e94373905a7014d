//! Where a Go runtime keeps what tells the running goroutine, by the version of Go.
//!
//! In: the name of a toolchain, and where its threads keep their goroutine. Out: byte offsets into `runtime.g` and `runtime.m` (`src/runtime/runtime2.go` of each
//! version), as the compiler's own type information has them on 64-bit machines; for a version that is not known,
//! nothing. `g.stack` and `m.g0` are the first fields in all of them: the runtime's assembly counts on it.

use crate::model::{GoBuild, GoVersion};

/// Where a program's runtime keeps what the kernel side reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoLayout {
    offsets: Offsets,
    goroutine_below: Option<u32>,
}

/// Byte offsets of some fields of the runtime's structures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Offsets {
    goid: u8,
    m: u8,
    curg: u8,
    sched_bp: u8,
}

/// The versions from one on, up to the next row. The last row holds for [`NEWEST`] and no later one: a version is
/// added here when its offsets have been looked at.
const OFFSETS: [(u16, Offsets); 3] = [
    (19, Offsets { goid: 0x98, m: 0x30, curg: 0xc0, sched_bp: 0x68 }),
    // `g.syscallbp` came in front of it.
    (23, Offsets { goid: 0xa0, m: 0x30, curg: 0xc0, sched_bp: 0x68 }),
    // `gobuf.ret` went.
    (25, Offsets { goid: 0x98, m: 0x30, curg: 0xb8, sched_bp: 0x60 }),
];

/// The newest Go 1 that was looked at.
const NEWEST: u16 = 27;

const WORD: u8 = 8;

impl GoLayout {
    /// That of a program, by its build information. Nothing for versions that nobody has looked at, and for those
    /// between releases: a wrong offset would give a wrong goroutine.
    pub fn of(build: &GoBuild) -> Option<Self> {
        let GoVersion { major: 1, minor } = release(build)? else { return None };
        let (_, offsets) = OFFSETS.iter().rev().find(|(since, _)| *since <= minor)?;
        let layout = Self { offsets: *offsets, goroutine_below: build.goroutine_below };
        (minor <= NEWEST).then_some(layout)
    }

    /// All of it as one word: `g.goid`, `g.m`, `m.curg`, `g.sched.bp`, in words and with 8 bits each; above them, with
    /// 32 bits, how far below the thread pointer the goroutine is, in bytes, 0 if that is not known. Never 0.
    pub fn packed(self) -> u64 {
        let Offsets { goid, m, curg, sched_bp } = self.offsets;
        let words = [goid, m, curg, sched_bp].map(|offset| offset / WORD);
        u64::from(u32::from_le_bytes(words)) | u64::from(self.goroutine_below.unwrap_or(0)) << 32
    }
}

/// The release that a program was built by, if it was a release or a candidate for one.
///
/// `go1.27.3`, `go1.27`, `go1.27rc1`, and what experiments and vendors put behind it: `go1.24.1 X:boringcrypto`,
/// `go1.22.5-1`. Neither `go1.27beta1` nor `devel go1.28-0123abcd`: `cmd/dist/build.go` (`findgoversion`), Go 1.27.
fn release(build: &GoBuild) -> Option<GoVersion> {
    let name = build.toolchain.split([' ', '-', '+']).next()?;
    let minor = name.strip_prefix("go1.")?;
    let after = minor.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_release = after.is_empty() || after.starts_with('.') || after.starts_with("rc");
    build.version().filter(|_| is_release)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(toolchain: &str) -> GoBuild {
        let toolchain = toolchain.into();
        GoBuild { toolchain, path: None, module: None, cgo: None, goroutine_below: None }
    }

    fn of(toolchain: &str) -> Option<GoLayout> {
        GoLayout::of(&build(toolchain))
    }

    /// Check that every form of a release's name finds its row, and its offsets are the packed word's.
    #[test]
    fn releases_are_known() {
        let known = [
            (["go1.19", "go1.22.10", "go1.20.1-vendor"], 0x0d18_0613),
            (["go1.23", "go1.24.1 X:boringcrypto", "go1.23rc1"], 0x0d18_0614),
            (["go1.25.5", "go1.27.3", "go1.26rc2"], 0x0c17_0613),
        ];
        for (names, packed) in known {
            assert_eq!(names.map(|name| of(name).map(GoLayout::packed)), [Some(packed); 3], "{names:?}");
        }
    }

    /// Check that the distance from the thread pointer is the upper half of the packed word.
    #[test]
    fn the_thread_pointer_is_packed() {
        let build = GoBuild { goroutine_below: Some(0x2018), ..build("go1.27.3") };
        assert_eq!(GoLayout::of(&build).map(GoLayout::packed), Some(0x2018_0c17_0613));
    }

    /// Check that versions which nobody has looked at have no layout.
    #[test]
    fn other_versions_are_unknown() {
        let names = ["go1.18.10", "go1.28", "go1.28.1", "go2.19", "go1.27beta1", "go1.", "go1", ""];
        let between = ["devel go1.27-0123abcd", "devel +0123abcd Tue Nov 3", "go1.99", "unknown"];
        for name in names.into_iter().chain(between) {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
