//! The real programs under test, as `cargo xtask setup` laid them out.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// Where a program comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Program {
    /// A file of an extracted Debian package.
    Debian { package: &'static str, path: &'static str },
    /// One of the programs beside these tests, by its name and the way it was built.
    Go { program: &'static str, variant: &'static str },
    /// A program of a Go toolchain: `go` or `gofmt`, by the folder of its version.
    Toolchain { version: &'static str, program: &'static str },
}

impl Program {
    /// Where it lies on this machine.
    pub(crate) fn path(self) -> Result<PathBuf> {
        let cache = cache();
        let path = match self {
            Self::Debian { package, path } => cache.join("debian").join(package).join(path),
            Self::Go { program, variant } => cache.join("go-programs").join(format!("{program}-{variant}")),
            Self::Toolchain { version, program } => {
                cache.join("go").join(version).join("go/bin").join(program)
            }
        };
        ensure!(path.is_file(), "{} is missing: run `cargo xtask setup`", path.display());
        Ok(path.canonicalize()?)
    }
}

/// The folder that `cargo xtask setup` fills.
pub(crate) fn cache() -> PathBuf {
    env::var_os("SECCINCH_CACHE").map_or_else(|| clone().join(".cache"), PathBuf::from)
}

/// The top folder of the source.
pub(crate) fn clone() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The helper that speaks TLS for the tests.
pub(crate) fn probe() -> Result<PathBuf> {
    Program::Go { program: "probe", variant: "go1.27-cgo0" }.path()
}

/// An eBPF object that `cargo xtask build` made.
pub(crate) fn bpf_object(name: &str) -> PathBuf {
    clone().join("target/bpf").join(format!("{name}.bpf.o"))
}
