//! The Go program that says itself which goroutine makes which call on which way, and what the kernel side tells of it.
#![expect(clippy::expect_used, reason = "a helper that fails is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use seccinch::golang::GoLayout;
use seccinch::inspect::Inspector;
use seccinch::kernel::{FileKey, Happening, Kernel, Slot, Targets as _, Verdict};
use seccinch::model::{GoBuild, SyscallNr};

use crate::fixtures;
use crate::support::{events, nr, wait_for_exec};

/// One build of the program.
pub(crate) struct Program {
    path: PathBuf,
}

impl Program {
    pub(crate) fn new(variant: &str) -> Self {
        let path = fixtures::cache().join("go-programs").join(format!("stacks-{variant}"));
        assert!(path.is_file(), "{} is missing: run `cargo xtask setup`", path.display());
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn layout(&self) -> GoLayout {
        GoLayout::of(&self.build()).expect("a known version")
    }

    pub(crate) fn build(&self) -> GoBuild {
        let file = File::open(&self.path).expect("a program");
        let build = Inspector::local().describe(String::new(), file).expect("an ELF file");
        build.go.expect("a Go program")
    }

    /// The kernel's name for its file.
    pub(crate) fn file(&self, kernel: &mut Kernel) -> FileKey {
        let mut child = Command::new(&self.path).stdout(Stdio::null()).spawn().expect("it starts");
        let Happening::Exec { file, .. } = wait_for_exec(kernel, child.id()) else { unreachable!() };
        assert!(child.wait().expect("it ends").success());
        file
    }

    /// Runs it, once there is a verdict, to see what is told of it from its first call to its end. It makes so many
    /// calls beside those of its goroutines.
    pub(crate) fn run(&self, kernel: &mut Kernel, verdict: Verdict, calls: u32) -> Run {
        let file = self.file(kernel);
        kernel.decide(file, verdict).expect("a verdict is taken");
        let _ = events(kernel);
        let mut command = Command::new(&self.path);
        command.args((calls > 0).then(|| calls.to_string())).stdout(Stdio::piped());
        let child = command.spawn().expect("it starts");
        let process = child.id();
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
        Run::new(process, &String::from_utf8(output.stdout).expect("a text"), events(kernel))
    }
}

/// A stack as it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) nr: SyscallNr,
    pub(crate) goroutine: Option<u64>,
    pub(crate) start_code: u64,
    pub(crate) from_c: bool,
    pub(crate) frames: Vec<u64>,
    pub(crate) top: [u64; 8],
}

/// What was told of one run, and what the program said itself.
pub(crate) struct Run {
    pub(crate) slot: Slot,
    pub(crate) stacks: Vec<Told>,
    pub(crate) first_seen: BTreeSet<SyscallNr>,
    pub(crate) alerts: usize,
    /// By the call's name.
    pub(crate) said: BTreeMap<String, Said>,
}

/// What the program said of one of its calls.
pub(crate) struct Said {
    pub(crate) goroutine: u64,
    /// The functions that were under way, innermost first, with the line of each.
    pub(crate) way: Vec<(String, u32)>,
}

impl Said {
    /// `getuid`, `7`, and `main.raw:81` or more of the kind, with tabs between them.
    fn read(line: &str) -> (String, Self) {
        let mut fields = line.split('\t');
        let name = fields.next().expect("a name").to_owned();
        let goroutine = fields.next().expect("a goroutine").parse().expect("a number");
        let place = |place: &str| {
            let (function, line) = place.rsplit_once(':').expect("a place");
            (function.to_owned(), line.parse().expect("a line"))
        };
        (name, Self { goroutine, way: fields.map(place).collect() })
    }
}

impl Run {
    fn new(process: u32, output: &str, events: Vec<Happening>) -> Self {
        let slot = |event: &Happening| match event {
            Happening::Exec { slot, tgid, .. } if *tgid == process => Some(*slot),
            _ => None,
        };
        let mut run = Self {
            slot: events.iter().find_map(slot).expect("an announced target"),
            stacks: Vec::new(),
            first_seen: BTreeSet::new(),
            alerts: 0,
            said: output.lines().map(Said::read).collect(),
        };
        for event in events {
            run.take_in(event);
        }
        run
    }

    fn take_in(&mut self, event: Happening) {
        match event {
            Happening::FirstSeen { slot, nr, .. } if slot == self.slot => _ = self.first_seen.insert(nr),
            Happening::Alert { slot, .. } if slot == self.slot => self.alerts += 1,
            Happening::Stack { slot, nr, goroutine, start_code, from_c, frames, top, .. }
                if slot == self.slot =>
            {
                self.stacks.push(Told { nr, goroutine, start_code, from_c, frames, top });
            }
            _ => {}
        }
    }

    /// The stacks of one call, in their order.
    pub(crate) fn of(&self, name: &str) -> Vec<&Told> {
        self.stacks.iter().filter(|stack| stack.nr == nr(name)).collect()
    }
}
