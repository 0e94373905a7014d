//! The Go program that says itself which goroutine makes which call, and what the kernel side tells of it.
#![expect(clippy::expect_used, reason = "a helper that fails is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs};

use object::{Object as _, ObjectSegment as _, ObjectSymbol as _, SegmentFlags, SymbolKind};
use seccinch::golang::{self, GoLayout};
use seccinch::kernel::{FileKey, Happening, Kernel, Slot, Targets as _, Verdict};
use seccinch::model::SyscallNr;

use crate::support::{events, nr, wait_for_exec};

/// One build of the program.
pub(crate) struct Program {
    path: PathBuf,
    /// The same build with its symbols.
    symbols: PathBuf,
}

impl Program {
    pub(crate) fn new(variant: &str) -> Self {
        let clone = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.cache"));
        let cache = env::var_os("SECCINCH_CACHE").map_or_else(clone, PathBuf::from);
        let path = |variant| cache.join("go-programs").join(format!("goroutines-{variant}"));
        let program = Self { path: path(variant), symbols: path(variant.trim_end_matches("-stripped")) };
        assert!(program.path.is_file(), "{} is missing: run `cargo xtask setup`", program.path.display());
        program
    }

    pub(crate) fn layout(&self) -> GoLayout {
        let bytes = fs::read(&self.path).expect("a program");
        let build = golang::inspect("goroutines".into(), &*bytes).expect("an ELF file");
        GoLayout::of(&build.go.expect("a Go program")).expect("a known version")
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
    /// Which goroutine made which call.
    pub(crate) said: BTreeMap<String, u64>,
}

impl Run {
    fn new(process: u32, output: &str, events: Vec<Happening>) -> Self {
        let line = |line: &str| {
            let (name, goroutine) = line.split_once(' ').expect("two words");
            (name.to_owned(), goroutine.parse().expect("a number"))
        };
        let slot = |event: &Happening| match event {
            Happening::Exec { slot, tgid, .. } if *tgid == process => Some(*slot),
            _ => None,
        };
        let mut run = Self {
            slot: events.iter().find_map(slot).expect("an announced target"),
            stacks: Vec::new(),
            first_seen: BTreeSet::new(),
            alerts: 0,
            said: output.lines().map(line).collect(),
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

/// The functions of a program.
pub(crate) struct Functions {
    by_address: BTreeMap<u64, String>,
    /// Where its code is to be mapped.
    pub(crate) code: u64,
}

impl Functions {
    pub(crate) fn of(program: &Program) -> Self {
        let bytes = fs::read(&program.symbols).expect("a program");
        let file = object::File::parse(&*bytes).expect("an ELF file");
        let is_code = |flags| matches!(flags, SegmentFlags::Elf { p_flags, .. } if p_flags.0 & object::elf::PF_X.0 != 0);
        let functions = file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text);
        Self {
            by_address: functions.map(|f| (f.address(), f.name().expect("a text").to_owned())).collect(),
            code: file.segments().find(|segment| is_code(segment.flags())).expect("code").address(),
        }
    }

    /// The function that a return address leads back to.
    pub(crate) fn at(&self, back: u64) -> &str {
        self.by_address.range(..back).next_back().map_or("?", |(_, name)| name)
    }

    /// A whole stack, from the innermost function on.
    pub(crate) fn names(&self, told: &Told) -> Vec<&str> {
        told.frames.iter().map(|frame| self.at(*frame)).collect()
    }
}
