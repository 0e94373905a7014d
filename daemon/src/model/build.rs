//! What a binary says of itself.

use std::fmt;

/// One executable file that made system calls.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Build {
    /// Its path as its own mount namespace sees it.
    pub path: String,
    /// The GNU or Go build id, in hexadecimal or as Go writes it. Nothing for a binary without either.
    pub id: Option<String>,
    /// What the Go linker left in it; nothing for other programs.
    pub go: Option<GoBuild>,
    /// How it is linked; nothing if the file could not be read.
    pub linkage: Option<Linkage>,
}

/// Go's own build information (`debug/buildinfo`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoBuild {
    /// The toolchain as it names itself: `go1.27.3`, `devel go1.28-abcdef`.
    pub toolchain: String,
    /// Import path of the main package.
    pub path: Option<String>,
    /// Path and version of the main module; nothing for a GOPATH build (all of Debian's).
    pub module: Option<(String, String)>,
    /// Whether cgo was enabled at build time, where it says so. It does not tell whether libc is linked.
    pub cgo: Option<bool>,
    /// How far below its thread pointer each thread keeps the running goroutine, in bytes; nothing where that is not
    /// known. It is a fact of the file, but not kept in observations.
    pub goroutine_below: Option<u32>,
}

/// A Go release, `1.27`: what decides which calls the runtime makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoVersion {
    /// The part before the dot.
    pub major: u16,
    /// The part after the dot.
    pub minor: u16,
}

impl Build {
    /// The last part of its path.
    pub fn file_name(&self) -> String {
        self.path.rsplit('/').next().unwrap_or_default().to_owned()
    }
}

impl GoBuild {
    /// The release in [`GoBuild::toolchain`], or nothing if it has none that we can read.
    pub fn version(&self) -> Option<GoVersion> {
        let start = self.toolchain.find("go")? + 2;
        let mut numbers = self.toolchain[start..].split(|c: char| !c.is_ascii_digit());
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        Some(GoVersion { major, minor })
    }
}

impl fmt::Display for GoVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// How an executable finds its libraries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Linkage {
    /// The program interpreter (`PT_INTERP`); nothing for a static binary.
    pub interpreter: Option<String>,
    /// The shared libraries that it names (`DT_NEEDED`), in the file's order.
    pub needed: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that the release is read from every form in which Go writes its toolchain.
    #[test]
    fn go_version_is_read_from_the_toolchain_name() {
        let version = |toolchain: &str| {
            let go = GoBuild {
                toolchain: toolchain.into(),
                path: None,
                module: None,
                cgo: None,
                goroutine_below: None,
            };
            go.version().map(|v| v.to_string())
        };
        assert_eq!(version("go1.27.3").as_deref(), Some("1.27"));
        assert_eq!(version("go1.24.1 X:nocoverageredesign").as_deref(), Some("1.24"));
        assert_eq!(version("devel go1.28-abcdef").as_deref(), Some("1.28"));
        assert_eq!(version("unknown"), None);
        assert_eq!(version("go"), None);
    }
}
