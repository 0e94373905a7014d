//! bpf-linker: links the LLVM bitcode of the eBPF crate into one BPF object.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::{
    Set,
    system::{self, Need, Probe},
    toolchain::Toolchain,
};
use crate::{
    build::cargo,
    process::{self, run_logged},
    project::Project,
    say,
};

/// The LLVM that our own bpf-linker is built with: the newest that Debian 12 has.
pub(super) const LLVM: u32 = 22;
const VERSION: &str = "0.13.0";
const PREFIX: &str = "/usr/lib/llvm-22";

const NEEDS: &[Need] = &[
    need("llvm-22-dev", "/usr/lib/llvm-22/include/llvm-c/Core.h"),
    need("libpolly-22-dev", "/usr/lib/llvm-22/lib/libPolly.a"),
    need("zlib1g-dev", "/usr/include/zlib.h"),
    need("libzstd-dev", "/usr/include/zstd.h"),
    need("libxml2-dev", "/usr/include/libxml2/libxml/tree.h"),
];

const fn need(package: &'static str, file: &'static str) -> Need {
    Need { set: Set::Build, package, probe: Probe::File(file), why: "bpf-linker is built with it" }
}

/// Builds bpf-linker into the cache folder unless one that runs is there or in `PATH`.
pub(super) fn install(project: &Project, toolchain: &Toolchain) -> Result<()> {
    if find(project).is_some() {
        return Ok(());
    }
    if toolchain.llvm_major() > LLVM {
        bail!("{toolchain} is newer than LLVM {LLVM}, which Debian has for bpf-linker: install bpf-linker");
    }
    system::install(project, NEEDS, Set::Build)?;
    say::install(&format!("bpf-linker {VERSION}"), "links the eBPF programs (a minute)");
    run_logged(project, "bpf-linker", &mut cargo_install(project)?)?;
    find(project).map(drop).context("bpf-linker was built but doesn't run: see `.cache/logs/bpf-linker.log`")
}

fn cargo_install(project: &Project) -> Result<Command> {
    let mut path = vec![PathBuf::from(PREFIX).join("bin")];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let mut command = cargo(project);
    command
        .args(["install", "bpf-linker", "--version", VERSION, "--locked", "--force"])
        .args(["--no-default-features", "--features", "llvm-22", "--root"])
        .arg(project.cached("tools"))
        .env("LLVM_PREFIX", PREFIX)
        .env("PATH", env::join_paths(path).context("PATH can't be extended")?);
    Ok(command)
}

/// The bpf-linker to use: the one in the cache folder, else one in `PATH` that is not too old.
pub(super) fn find(project: &Project) -> Option<PathBuf> {
    let own = project.cached("tools/bin/bpf-linker");
    let others = env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join("bpf-linker"))
        .collect::<Vec<_>>();
    [own].into_iter().chain(others).find(|path| is_usable(path))
}

/// Whether it is there, runs, and is new enough for every compiler that we take.
fn is_usable(linker: &Path) -> bool {
    linker.is_file()
        && process::output_if_ok(Command::new(linker).arg("--version")).is_some()
        && llvm_of(linker).is_none_or(|major| major >= LLVM)
}

/// The major version of the LLVM library that bpf-linker is linked with. None if there is no
/// bpf-linker yet, or if LLVM is inside it.
pub(super) fn llvm_major(project: &Project) -> Option<u32> {
    llvm_of(&find(project)?)
}

fn llvm_of(linker: &Path) -> Option<u32> {
    parse_libraries(&process::output_if_ok(Command::new("ldd").arg(linker))?)
}

/// The `22` of `libLLVM.so.22.1 => …` or `libLLVM-22.so.1 => …`.
fn parse_libraries(ldd: &str) -> Option<u32> {
    let name = ldd.lines().find_map(|line| line.trim().strip_prefix("libLLVM"))?;
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that LLVM's version is read from both ways its library has been named.
    #[test]
    fn reads_llvm_version() {
        let new = "\tlinux-vdso.so.1 (0x7f)\n\tlibLLVM.so.22.1 => /usr/lib/libLLVM.so.22.1 (0x7f)\n";
        assert_eq!(parse_libraries(new), Some(22));
        assert_eq!(parse_libraries("\tlibLLVM-15.so.1 => /usr/lib/libLLVM-15.so.1 (0x7f)\n"), Some(15));
        assert_eq!(parse_libraries("\tlibc.so.6 => /lib/libc.so.6 (0x7f)\n"), None);
    }
}
