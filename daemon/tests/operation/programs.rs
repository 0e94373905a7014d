//! Programs of which is known what they do: the Go program `metronome`, a small C program, and copies of both that
//! are files of their own. They lie in a folder that is not temporary: what runs from those makes no workload.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, id};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::support::fixtures::Program;
use crate::support::poll;
use crate::support::process::{self, Process};

/// Does nothing, quickly.
const SMALL: &str = "#include <unistd.h>\nint main(void) { return getppid() < 0; }\n";

/// What a Go program calls before its `main`, and hardly again (`runtime.rt0_go`, `runtime.osinit`).
pub(crate) const FIRST_CALLS: [&str; 2] = ["arch_prctl", "sched_getaffinity"];

/// A folder of programs. It is removed when dropped.
pub(crate) struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Makes an empty one.
    pub(crate) fn create() -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("operation-{}-{}", id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder)?;
        Ok(Self { folder: folder.canonicalize()? })
    }

    /// A copy of the Go program, under this name.
    pub(crate) fn metronome(&self, name: &str) -> Result<PathBuf> {
        self.copy(&Program::Go { program: "metronome", variant: "go1.27-cgo0" }.path()?, name)
    }

    /// The C program, under this name.
    pub(crate) fn small(&self, name: &str) -> Result<PathBuf> {
        let compiled = self.folder.join("small");
        if !compiled.exists() {
            let source = self.folder.join("small.c");
            fs::write(&source, SMALL)?;
            let mut cc = Command::new("cc");
            process::output(cc.args(["-O1", "-o"]).arg(&compiled).arg(&source), poll::SOON)?;
        }
        self.copy(&compiled, name)
    }

    /// A file of its own: its bytes are others than those of every other copy. What follows an ELF file's last
    /// section is nobody's.
    fn copy(&self, from: &Path, name: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        fs::copy(from, &path).with_context(|| format!("copying {}", from.display()))?;
        OpenOptions::new().append(true).open(&path)?.write_all(name.as_bytes())?;
        Ok(path)
    }

    /// Whether a workload is of a program in it.
    pub(crate) fn owns(&self, workload: &str) -> bool {
        workload.starts_with(&workload_of(&self.folder))
    }

    /// The pattern of everything in it.
    pub(crate) fn pattern(&self) -> String {
        format!("{}/*", self.folder.display())
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("removing {}: {error}", self.folder.display());
        }
    }
}

/// The id of the workload that a program makes by itself.
pub(crate) fn workload_of(program: &Path) -> String {
    format!("exe:{}", program.display())
}

/// A running metronome.
pub(crate) struct Metronome {
    process: Process,
}

impl Metronome {
    /// Starts one with so many calls in each period.
    pub(crate) fn start(program: &Path, calls: u32, period: &str) -> Result<Self> {
        Self::with(program, &[&calls.to_string(), period])
    }

    /// Starts one with these words.
    pub(crate) fn with(program: &Path, words: &[&str]) -> Result<Self> {
        Self::of(Command::new(program).args(words).stdin(Stdio::null()))
    }

    /// Starts one by a command that passes on its output and the signals that it gets.
    pub(crate) fn of(command: &mut Command) -> Result<Self> {
        Ok(Self { process: Process::spawn(command.stdout(Stdio::piped()))? })
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Pid {
        self.process.pid()
    }

    /// Ends it; how many calls it made.
    pub(crate) fn stop(mut self) -> Result<u64> {
        use std::io::Read as _;
        process::signal(self.process.pid(), Signal::SIGTERM)?;
        let mut said = String::new();
        self.process.child().stdout.take().context("its output is piped")?.read_to_string(&mut said)?;
        poll::until("a metronome's end", poll::SOON, || self.process.ended())?;
        said.trim().parse().with_context(|| format!("a metronome says {said:?}"))
    }
}
