//! The Rust toolchain that builds the eBPF programs.
//!
//! The BPF target has no prebuilt `core`, so the compiler must come with the library's sources, and its
//! LLVM must not be newer than bpf-linker's. A rustup nightly with `rust-src` serves; where there is
//! none, Debian's rustc (kept new for its browsers) does.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{
    Set, fixtures, linker,
    system::{self, Need, Probe},
};
use crate::{build::cargo, process, project::Project};

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

const DEBIAN: &[Need] = &[
    Need {
        set: Set::Build,
        package: "rustc-web",
        probe: Probe::File(DEBIAN_RUSTC),
        why: "builds for BPF (no rustup nightly has rust-src)",
    },
    Need {
        set: Set::Build,
        package: "rust-web-src",
        probe: Probe::File("/usr/lib/rustlib/src/rust/library/core/src/lib.rs"),
        why: "`core`, which has no binary for BPF",
    },
];

/// A Rust compiler that can build for BPF.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Toolchain {
    origin: Origin,
    rustc: PathBuf,
    release: String,
    llvm_major: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum Origin {
    Rustup,
    Debian,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = match self.origin {
            Origin::Rustup => "rustup's nightly",
            Origin::Debian => "Debian's",
        };
        write!(out, "{origin} rustc {} and bpf-linker, LLVM {}", self.release, self.llvm_major)
    }
}

impl Toolchain {
    /// The major version of the compiler's LLVM.
    pub(super) fn llvm_major(&self) -> u32 {
        self.llvm_major
    }

    /// `cargo COMMAND` in the eBPF workspace, by this compiler. Its output goes to `target/bpf`.
    pub(crate) fn cargo(&self, project: &Project, subcommand: &str) -> Result<Command> {
        let linker = linker::find(project)
            .context("bpf-linker is gone since the setup: run `cargo xtask setup build`")?;
        let mut command = match self.origin {
            // The layout of the library's sources moves: a nightly's are for the nightly's cargo.
            Origin::Rustup => Command::new(self.rustc.with_file_name("cargo")),
            Origin::Debian => cargo(project),
        };
        command
            .arg(subcommand)
            .args(["--release", "--locked", "-Z", "build-std=core", "--target", "bpfel-unknown-none"])
            .current_dir(project.path("ebpf"))
            .env("RUSTC", &self.rustc)
            // `-Z build-std` and the nightly features of aya-ebpf, by a compiler that may be a stable one.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", project.path("target/bpf"))
            .env("CARGO_ENCODED_RUSTFLAGS", rustflags(project.root(), &linker).join("\u{1f}"));
        Ok(command)
    }

    /// Whether its clippy is a Debian package that has to be unpacked.
    pub(super) fn is_debian(&self) -> bool {
        self.origin == Origin::Debian
    }

    /// `cargo check` by clippy, whose warnings are errors; none if clippy isn't installed.
    ///
    /// The compiler's own clippy has to be taken: another can't read the `core` that was built.
    pub(crate) fn clippy(&self, project: &Project) -> Result<Option<Command>> {
        let driver = match self.origin {
            Origin::Rustup => self.rustc.with_file_name("clippy-driver"),
            Origin::Debian => fixtures::program(project, "rust-web-clippy", "usr/bin/clippy-driver"),
        };
        if !driver.exists() {
            return Ok(None);
        }
        let mut command = self.cargo(project, "check")?;
        command.env("RUSTC_WORKSPACE_WRAPPER", driver).env("CLIPPY_ARGS", "-Dwarnings__CLIPPY_HACKERY__");
        Ok(Some(command))
    }

    fn probe(origin: Origin, rustc: PathBuf) -> Option<Self> {
        let sysroot = process::output_if_ok(Command::new(&rustc).args(["--print", "sysroot"]))?;
        if !Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core/src/lib.rs").exists() {
            return None;
        }
        let (release, llvm_major) = parse_version(&process::output_if_ok(Command::new(&rustc).arg("-vV"))?)?;
        Some(Self { origin, rustc, release, llvm_major })
    }
}

/// Looks for a toolchain, and installs Debian's if there is none.
pub(super) fn provide(project: &Project) -> Result<Toolchain> {
    if let Some(found) = find(project) {
        return Ok(found);
    }
    system::install(project, DEBIAN, Set::Build)?;
    find(project).with_context(|| {
        format!(
            "{DEBIAN_RUSTC} with rust-web-src is installed but can't be used: \
             is it Debian's rustc-web, and not the older rustc? Or give rustup a nightly with rust-src: \
             `rustup toolchain install nightly --component rust-src`"
        )
    })
}

/// The toolchain to build with: rustup's nightly if it is complete and bpf-linker can read what it
/// makes, else Debian's.
pub(crate) fn find(project: &Project) -> Option<Toolchain> {
    let linkable = linker::llvm_major(project).unwrap_or(linker::LLVM);
    let usable = |toolchain: &Toolchain| toolchain.llvm_major <= linkable;
    nightly().filter(usable).or_else(|| Toolchain::probe(Origin::Debian, DEBIAN_RUSTC.into()).filter(usable))
}

fn nightly() -> Option<Toolchain> {
    let mut which = Command::new("rustup");
    which.args(["which", "--toolchain", "nightly", "rustc"]);
    let rustc = process::output_if_ok(&mut which)?;
    Toolchain::probe(Origin::Rustup, rustc.trim().into())
}

/// Paths in the object's line information are made relative, so that every clone builds the same bytes.
fn rustflags(root: &Path, linker: &Path) -> Vec<String> {
    let mut flags = vec![
        format!("-Clinker={}", linker.display()),
        "-Clink-arg=--btf".to_owned(),
        "-Cdebuginfo=2".to_owned(),
        format!("--remap-path-prefix={}=.", root.display()),
    ];
    if let Some(home) = env::var_os("CARGO_HOME") {
        flags.push(format!("--remap-path-prefix={}=cargo", Path::new(&home).display()));
    }
    flags
}

/// Release and LLVM major version out of `rustc -vV`.
fn parse_version(text: &str) -> Option<(String, u32)> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let llvm = field("LLVM version:")?.split('.').next()?.parse().ok()?;
    Some((field("release:")?.to_owned(), llvm))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that the versions are read from what `rustc -vV` of Debian's rustc-web prints.
    #[test]
    fn reads_rustc_version() {
        let text = "rustc 1.96.0 (ac68faa20 2026-05-25)\nhost: x86_64-unknown-linux-gnu\n\
                    release: 1.96.0\nLLVM version: 22.1.8\n";
        assert_eq!(parse_version(text), Some(("1.96.0".to_owned(), 22)));
    }

    /// Check that a compiler without LLVM is not taken.
    #[test]
    fn refuses_rustc_without_llvm() {
        assert_eq!(parse_version("release: 1.96.0\n"), None);
    }
}
