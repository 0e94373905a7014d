//! A machine to boot in an emulator: QEMU, Debian's kernel for virtual machines, and the packages of a small
//! system, unpacked under `.cache/machine/`.
//!
//! The host has one kernel, and a system manager of its own or none: what must hold with systemd as process 1,
//! and on another kernel, is tested in there.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{Scratch, fixtures, system};
use crate::{process, project::Project, say};

/// A folder below `.cache/machine`.
#[derive(Debug)]
struct Part {
    folder: &'static str,
    /// A file that is in it when it is there.
    proof: &'static str,
    what: &'static str,
    why: &'static str,
    fill: fn(&Project, &Path) -> Result<()>,
}

const PARTS: &[Part] = &[
    Part {
        folder: "qemu",
        proof: "usr/bin/qemu-system-x86_64",
        what: "QEMU and its libraries",
        why: "boots a machine for the shipped unit, emulated in software",
        fill: |project, root| unpack_closure(project, root, &["qemu-system-x86"]),
    },
    Part {
        folder: "kernel",
        proof: KERNEL,
        what: "Debian's kernel for virtual machines",
        why: "that machine's kernel, another one than this host's",
        fill: unpack_kernel,
    },
    Part {
        folder: "system",
        proof: "lib/systemd/systemd",
        what: "a small Debian with systemd",
        why: "that machine's programs",
        fill: |project, root| unpack_closure(project, root, SYSTEM),
    },
];

/// What the machine's system is made of, with all that these depend on. `libseccomp2` is what seccinch itself is
/// linked with, `procps` has the `kill` of the unit, and with `bpftool` the tests look into the kernel.
const SYSTEM: &[&str] = &[
    "systemd-sysv",
    "bash",
    "coreutils",
    "util-linux",
    "mount",
    "grep",
    "sed",
    "procps",
    "bpftool",
    "libseccomp2",
];

/// The kernel's image, by a name that has no version.
const KERNEL: &str = "vmlinuz";

/// Folders that no machine runs from.
const DISPENSABLE: &[&str] = &[
    "usr/share/doc",
    "usr/share/iso-codes",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/perl",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/lib/x86_64-linux-gnu/perl",
    "usr/lib/x86_64-linux-gnu/perl-base",
];

/// Brings the parts that are missing.
pub(super) fn install(project: &Project, scratch: &Scratch) -> Result<()> {
    let target = |part: &Part| project.cached("machine").join(part.folder);
    let missing = PARTS.iter().filter(|part| !target(part).join(part.proof).is_file());
    missing.into_iter().try_for_each(|part| {
        say::install(&format!("{} into .cache", part.what), part.why);
        scratch.install(&target(part), |root| (part.fill)(project, root))
    })
}

/// Unpacks packages and everything they depend on.
fn unpack_closure(project: &Project, root: &Path, packages: &[&str]) -> Result<()> {
    let closure = with_lists(project, || closure(packages))?;
    let names: Vec<&str> = closure.iter().map(String::as_str).collect();
    fixtures::unpack(project, root, &names)?;
    DISPENSABLE.iter().try_for_each(|folder| super::remove(&root.join(folder)))
}

/// Asks apt, and once more with fresh lists: they may be missing, or too old to agree with themselves.
fn with_lists<T>(project: &Project, ask: impl Fn() -> Result<T>) -> Result<T> {
    ask().or_else(|_| {
        system::update_lists(project);
        ask()
    })
}

/// What apt would install on a system that has nothing yet.
fn closure(packages: &[&str]) -> Result<Vec<String>> {
    let mut command = system::apt_get();
    command.args(["install", "--simulate", "--no-install-recommends", "-o", "Dir::State::status=/dev/null"]);
    Ok(installed(&process::output(command.args(packages))?))
}

/// The packages of the lines `Inst NAME (VERSION …)`, without the architecture that apt names beside some.
fn installed(simulation: &str) -> Vec<String> {
    let lines = simulation.lines().filter_map(|line| line.strip_prefix("Inst "));
    lines.filter_map(|rest| rest.split([' ', ':']).next().map(str::to_owned)).collect()
}

/// Unpacks the kernel that Debian has now, and keeps its image only: what the machine needs is built in.
fn unpack_kernel(project: &Project, root: &Path) -> Result<()> {
    let release = with_lists(project, kernel_release)?;
    fixtures::unpack(project, root, &[&format!("linux-image-{release}")])?;
    let image = root.join("boot").join(format!("vmlinuz-{release}"));
    fs::rename(&image, root.join(KERNEL)).with_context(|| format!("can't move {}", image.display()))?;
    others(root)?.iter().try_for_each(|folder| super::remove(folder))
}

/// The release that Debian's package of whatever is newest depends on.
fn kernel_release() -> Result<String> {
    let mut depends = Command::new("apt-cache");
    let listed = process::output(depends.args(["depends", "linux-image-cloud-amd64"]))?;
    let release = listed.lines().find_map(|line| line.trim().strip_prefix("Depends: linux-image-"));
    release.map(str::to_owned).with_context(|| format!("apt-cache names no kernel: {}", listed.trim()))
}

/// What is in a folder beside the kernel's image.
fn others(root: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(root).with_context(|| format!("can't list {}", root.display()))?;
    let paths = listed.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    Ok(paths.filter(|path| path.file_name() != Some(OsStr::new(KERNEL))).collect())
}

#[cfg(test)]
mod tests {
    use super::installed;

    /// Check that the packages are found among what else apt says.
    #[test]
    fn simulation_names_packages() {
        let said = "Reading package lists...\nInst gcc-12-base (12.2.0 Debian:12 [amd64])\n\
                    Inst libc6:amd64 (2.36 Debian:12 [amd64]) []\nConf libc6 (2.36 Debian:12 [amd64])\n";
        assert_eq!(installed(said), ["gcc-12-base", "libc6"]);
    }
}
