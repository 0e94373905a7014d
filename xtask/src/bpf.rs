//! Builds the eBPF programs and puts the objects where the daemon's build embeds them from.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context, Result};

use crate::{process, project::Project, setup::Toolchain};

/// Sources the objects are made of. An object older than one of them is not embedded.
const SOURCES: &[&str] = &["ebpf", "common"];

/// Builds all binaries of the eBPF crate into `target/bpf/NAME.bpf.o`.
pub(crate) fn build(project: &Project, toolchain: &Toolchain) -> Result<()> {
    process::run(&mut toolchain.cargo(project, "build")?).context("the eBPF programs don't build")?;
    let manifest = project.path("ebpf/Cargo.toml");
    let manifest =
        fs::read_to_string(&manifest).with_context(|| format!("can't read {}", manifest.display()))?;
    let newest = SOURCES.iter().map(|folder| newest(&project.path(folder))).collect::<Result<Vec<_>>>()?;
    let newest = newest.into_iter().max().unwrap_or(SystemTime::UNIX_EPOCH);
    binaries(&manifest).try_for_each(|name| {
        let built = project.path("target/bpf/bpfel-unknown-none/release").join(name);
        refresh(&built, &project.path(format!("target/bpf/{name}.bpf.o")), newest)
    })
}

/// Copies `built` to `object` if its bytes differ or if a source is newer, and leaves it untouched
/// otherwise: a new modification time makes cargo build the daemon again.
fn refresh(built: &Path, object: &Path, newest_source: SystemTime) -> Result<()> {
    let bytes = fs::read(built).with_context(|| format!("can't read {}", built.display()))?;
    let same = fs::read(object).is_ok_and(|present| present == bytes);
    let fresh = fs::metadata(object).and_then(|meta| meta.modified()).is_ok_and(|time| time >= newest_source);
    if same && fresh {
        return Ok(());
    }
    // By way of a rename: an interrupted copy would be newer than its sources, and broken.
    let partial = object.with_extension("partial");
    fs::write(&partial, bytes).with_context(|| format!("can't write {}", partial.display()))?;
    fs::rename(&partial, object).with_context(|| format!("can't write {}", object.display()))
}

/// The newest modification time of the source files in `folder`.
fn newest(folder: &Path) -> Result<SystemTime> {
    let mut newest = SystemTime::UNIX_EPOCH;
    for file in sources(folder)? {
        let modified = fs::metadata(&file)
            .and_then(|meta| meta.modified())
            .with_context(|| format!("can't read the time of {}", file.display()))?;
        newest = newest.max(modified);
    }
    Ok(newest)
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("can't list {}", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("can't list {}", folder.display()))?.path();
        if path.is_dir() && !path.ends_with("target") {
            files.extend(sources(&path)?);
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

/// The names of the `[[bin]]` tables of a manifest.
fn binaries(manifest: &str) -> impl Iterator<Item = &str> {
    manifest.split("[[bin]]").skip(1).filter_map(|table| {
        let table = table.split("\n[").next()?;
        let name = table.lines().find_map(|line| line.strip_prefix("name = "))?;
        Some(name.trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that every `[[bin]]` is found, and no name of another table.
    #[test]
    fn finds_binaries() {
        let manifest = "[package]\nname = \"p\"\n\n[[bin]]\nname = \"one\"\npath = \"src/main.rs\"\n\n\
                        [[bin]]\npath = \"x\"\nname = \"two\"\n\n[[bench]]\nname = \"three\"\n";
        assert_eq!(binaries(manifest).collect::<Vec<_>>(), ["one", "two"]);
    }
}
