//! The root folder of a container: the service, what it is linked with and what it starts; nothing else.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::services::Service;
use crate::support::poll;
use crate::support::process;
use crate::support::sandbox::{self, Sandbox};

/// How a file gets into the folder.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Files {
    /// By a link, which costs nothing, where both are on one file system.
    Linked,
    /// As a file of its own: one that is linked elsewhere meanwhile has changed, to `tar`.
    Copied,
}

/// Builds the folder, or completes one that is there, and returns it and the service's path inside.
pub(crate) fn build(sandbox: &Sandbox, service: &Service, files: Files) -> Result<(PathBuf, String)> {
    let root = sandbox.dir().join("rootfs");
    for folder in ["usr/bin", "usr/lib", "usr/lib64", "etc", "dev", "proc", "sys", "tmp", "run"] {
        fs::create_dir_all(root.join(folder))?;
    }
    // As on the host, where a program may be named by either path.
    for folder in ["bin", "lib", "lib64"] {
        if !root.join(folder).is_symlink() {
            symlink(format!("usr/{folder}"), root.join(folder))?;
        }
    }
    sandbox::write_name_service(&root.join("etc"))?;
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n")?;
    fs::write(root.join("etc/group"), "root:x:0:\n")?;
    // Where the service's folder is mounted.
    fs::create_dir_all(inside(&root, &sandbox.work()))?;

    let program = service.program.path()?;
    let name = program.file_name().context("a program has a name")?.to_string_lossy().into_owned();
    files.add(&root, &program, Path::new(&format!("/usr/bin/{name}")))?;
    for tool in service.tools {
        files.add(&root, Path::new(tool), Path::new(tool))?;
    }
    Ok((root, format!("/usr/bin/{name}")))
}

impl Files {
    /// Adds a program and the libraries it is linked with.
    fn add(self, root: &Path, program: &Path, place: &Path) -> Result<()> {
        self.put(program, &inside(root, place))?;
        // `ldd` fails on what is linked with nothing.
        let linked = process::output(Command::new("ldd").arg(program), poll::SOON).unwrap_or_default();
        for library in linked.split_whitespace().filter(|word| word.starts_with('/')) {
            self.put(Path::new(library), &inside(root, Path::new(library)))?;
        }
        Ok(())
    }

    fn put(self, from: &Path, to: &Path) -> Result<()> {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        let from = from.canonicalize()?;
        let linked = matches!(self, Self::Linked) && fs::hard_link(&from, to).is_ok();
        if !linked && !to.exists() {
            fs::copy(&from, to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
        }
        Ok(())
    }
}

/// An absolute path, below the root folder.
fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}
