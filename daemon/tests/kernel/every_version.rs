//! Every version of Go and every way of building, really run: who called, on which way, in which goroutine.
#![expect(clippy::panic, reason = "a helper that fails is a failed test")]

use std::collections::BTreeSet;
use std::fmt;
use std::ops::AddAssign;

use seccinch::golang::MOST_FRAMES;
use seccinch::kernel::{Hooks, Kernel, LoadOptions, Source as _, Verdict};

use crate::go_program::{Program, Run, Said, Told};
use crate::names::{Names, is_of_way};
use crate::support::{load, nr, unpinned};

const VERSIONS: [&str; 8] = ["1.19", "1.21", "1.22", "1.23", "1.24", "1.25", "1.26", "1.27"];

/// With symbols and without them, at fixed addresses and anywhere, linked by Go and, with C in them, by GNU ld.
const BUILDS: [&str; 7] = [
    "cgo0",
    "cgo0-stripped",
    "cgo0-pie-stripped",
    "cgo1",
    "cgo1-stripped",
    "cgo1-pie-stripped",
    "cgo1-static",
];

/// Calls that C makes, in the last of which no register has the goroutine.
const BY_C: [&str; 4] =
    ["sched_get_priority_max", "sched_get_priority_min", "getpriority", "sched_rr_get_interval"];

const PAGE: u64 = 4096;

/// As many return addresses as the kernel walks.
const DEEPEST: usize = 127;

/// Where threads begin, and where the stack of a goroutine was left: `golang/stack.rs`.
const BEGINNINGS: [&str; 4] = ["runtime.mstart", "runtime.rt0_go", "runtime.mcall", "runtime.morestack"];

/// What nobody calls: the first call of a thread that Go makes without C, and the last one of a signal's handler.
const UNCALLED: [&str; 3] = ["runtime.clone", "runtime.sigreturn", "runtime.sigreturn__sigaction"];

/// What was seen of a build.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Figures {
    stacks: usize,
    of_goroutines: usize,
    right: usize,
    unknown: usize,
    wrong: usize,
}

/// Check that on every version and build each first call brings one stack that reaches the beginning of its goroutine
/// or thread, that the functions and lines on it are those that the program's own runtime says, and that the goroutine
/// is the one that it says.
#[test]
fn every_version_and_build_is_known() {
    let mut kernel = load(&unpinned());
    let mut all = Figures::default();
    for version in VERSIONS {
        for build in BUILDS {
            all += check(&mut kernel, &format!("go{version}-{build}"));
        }
    }
    println!("all: {all}");
    assert_eq!((all.unknown, all.wrong), (0, 0), "{all}");
}

/// Check the same with raw tracepoints.
#[test]
fn raw_tracepoints_tell_the_same() {
    let mut kernel = load(&LoadOptions { hooks: Some(Hooks::Raw), ..unpinned() });
    check(&mut kernel, "go1.27-cgo1");
}

/// Runs a build, and checks all that is told of it but the goroutines, which are counted.
fn check(kernel: &mut Kernel, variant: &str) -> Figures {
    let program = Program::new(variant);
    let names = Names::of(&program);
    let run = program.run(kernel, Verdict::GoTarget(program.layout()), 0);
    assert_eq!(kernel.losses()["stacks_full"], 0);
    let told: BTreeSet<_> = run.stacks.iter().map(|stack| stack.nr).collect();
    assert_eq!(told, run.first_seen, "{variant}: a stack for each call, and for none else");
    for stack in &run.stacks {
        let bias = stack.start_code.wrapping_sub(names.code());
        let is_right = if variant.contains("-pie") { bias % PAGE == 0 } else { bias == 0 };
        assert!(is_right, "{variant}: {stack:?}");
        check_end(variant, stack, &names);
    }
    let is_c = variant.contains("cgo1");
    assert_eq!(run.said.len(), if is_c { 17 } else { 12 }, "{variant}");
    let mut figures = Figures { stacks: run.stacks.len(), ..Figures::default() };
    figures.of_goroutines = run.stacks.iter().filter(|stack| stack.goroutine.is_some()).count();
    for (name, said) in &run.said {
        figures += check_said(variant, name, said, &run, &names);
    }
    println!("{variant}: {figures}");
    figures
}

/// A stack leads to where its goroutine began, or its thread, along return addresses only.
fn check_end(variant: &str, stack: &Told, names: &Names) {
    let functions = names.functions(stack);
    let ends_in = |ends: &[&str]| functions.last().is_some_and(|last| ends.contains(last));
    let is_cut = functions.len() == MOST_FRAMES || stack.frames.len() == DEEPEST;
    let is_uncalled = functions.len() == 1 && UNCALLED.contains(&functions[0]);
    // C, without Go or with nothing that leads back to it: before there is a runtime, on threads of C's own, and where
    // the runtime's system stack calls C that is linked into the program.
    let is_of_c = functions.is_empty() && (stack.goroutine.is_none() || variant.ends_with("-static"));
    let is_known = match stack.goroutine {
        Some(_) => ends_in(&["runtime.goexit"]) || is_cut,
        // The end of a handler that C's library has put around Go's: on the way of what the signal interrupted.
        None if stack.nr == nr("rt_sigreturn") => ends_in(&["runtime.goexit"]) || ends_in(&BEGINNINGS),
        None => ends_in(&BEGINNINGS),
    };
    let is_whole = is_known || is_uncalled || (is_of_c && has_libc(variant));
    assert!(is_whole, "{variant}: {:?} of {:?} ends in {functions:?}", stack.nr, stack.goroutine);
    assert!(is_uncalled || is_of_c || names.are_returns(stack), "{variant}: {functions:?} {stack:x?}");
}

/// Whether the dynamic linker or libc has a part in the program.
fn has_libc(variant: &str) -> bool {
    variant.contains("-cgo1") || variant.contains("-pie")
}

/// What the program says of one of its calls is what was told of it.
fn check_said(variant: &str, name: &str, said: &Said, run: &Run, names: &Names) -> Figures {
    let [told] = run.of(name)[..] else { panic!("{variant}: {name} was told {:?}", run.of(name)) };
    assert_eq!(told.from_c, BY_C.contains(&name), "{variant}: {name} {told:?}");
    let told_way = names.way(told);
    let mut way: Vec<_> = said.way.iter().filter(|(function, _)| is_of_way(function)).cloned().collect();
    // The line behind the call is the one that is noted.
    way[0].1 -= 1;
    if told.frames.len() == DEEPEST || names.frames(told).len() == MOST_FRAMES {
        way.truncate(told_way.len());
    }
    assert_eq!(told_way, way, "{variant}: {name}");
    Figures {
        right: usize::from(told.goroutine == Some(said.goroutine)),
        unknown: usize::from(told.goroutine.is_none()),
        wrong: usize::from(told.goroutine.is_some_and(|goroutine| goroutine != said.goroutine)),
        ..Figures::default()
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.stacks += other.stacks;
        self.of_goroutines += other.of_goroutines;
        self.right += other.right;
        self.unknown += other.unknown;
        self.wrong += other.wrong;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stacks, of_goroutines, right, unknown, wrong } = self;
        write!(
            f,
            "{stacks} stacks, {of_goroutines} of goroutines; {right} right, {unknown} unknown, {wrong} wrong"
        )
    }
}
