//! Brings what building, testing and the demonstration need: each stage looks first, and only then
//! says what is missing, why it is needed, and installs it.
//!
//! Compilers and libraries come from Debian, system-wide. Everything else goes under `.cache/` in the
//! clone: nothing of it starts as a service, and removing the folder removes it.

mod fixtures;
mod golang;
mod linker;
mod machine;
mod programs;
mod system;
mod toolchain;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::{project::Project, say};
pub(crate) use fixtures::program;
pub(crate) use toolchain::Toolchain;

/// What the machine is set up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Set {
    /// Compilers and libraries: enough for `cargo xtask build`
    Build,
    /// Checkers for `cargo xtask lint`
    Lint,
    /// A Go service and runc for `cargo xtask demo`
    Demo,
    /// All Go services, Go toolchains, Go programs and the machine of `cargo xtask test`
    Test,
}

impl Set {
    /// Whether this set has all of `other` in it.
    fn holds(self, other: Self) -> bool {
        self == other || other == Self::Build || (self, other) == (Self::Test, Self::Demo)
    }
}

/// Installs what is missing of `set`, and tells which toolchain builds the eBPF programs.
pub(crate) fn setup(project: &Project, set: Set) -> Result<Toolchain> {
    say::step("setup");
    let _only_one = lock(project)?;
    let scratch = Scratch::new(project)?;
    system::install(project, system::NEEDS, set)?;
    let toolchain = toolchain::provide(project)?;
    linker::install(project, &toolchain)?;
    say::detail(&format!("eBPF programs: {toolchain}"));
    fixtures::install(project, &scratch, set, &toolchain)?;
    if set.holds(Set::Test) {
        golang::install(project, &scratch)?;
        programs::build_all(project, &scratch)?;
        machine::install(project, &scratch)?;
    }
    Ok(toolchain)
}

/// Keeps a second `cargo xtask` out while this one installs; waits if another is at work.
fn lock(project: &Project) -> Result<File> {
    let path = project.cached("setup.lock");
    let file = File::create(&path).with_context(|| format!("can't create {}", path.display()))?;
    if file.try_lock().is_err() {
        say::detail("waiting for another `cargo xtask setup` to end");
        file.lock().with_context(|| format!("can't lock {}", path.display()))?;
    }
    Ok(file)
}

/// The folder where things are unpacked before a rename makes them count as installed.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Scratch {
    /// An empty one: what an interrupted setup left behind is removed.
    fn new(project: &Project) -> Result<Self> {
        let path = project.cached("scratch");
        remove(&path)?;
        Ok(Self(path))
    }

    /// Gives `work` the folder, empty.
    fn with<T>(&self, work: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        remove(&self.0)?;
        fs::create_dir_all(&self.0).with_context(|| format!("can't create {}", self.0.display()))?;
        work(&self.0)
    }

    /// Has `fill` make a folder, and moves it to `target` when it is whole.
    fn install(&self, target: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        self.with(fill)?;
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).with_context(|| format!("can't create {}", parent.display()))?;
        }
        remove(target)?;
        fs::rename(&self.0, target)
            .with_context(|| format!("can't move {} to {}", self.0.display(), target.display()))
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("can't remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
