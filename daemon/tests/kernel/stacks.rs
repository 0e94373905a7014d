//! Where in its program a call was made: told once, and with the goroutine.
#![expect(clippy::panic, reason = "a helper that fails is a failed test")]

use std::collections::BTreeSet;

use seccinch::kernel::{Hooks, LoadOptions, Source as _, Stacks, Targets as _, Verdict};

use crate::goroutines::{Functions, Program, Run, Told};
use crate::support::{count, give_back, load, nr, unpinned};

/// Calls that the program makes through libc.
const BY_LIBC: [&str; 3] = ["sched_get_priority_max", "sched_get_priority_min", "getpriority"];

/// As many return addresses as the kernel walks.
const DEEPEST: usize = 127;

/// Runs a build that is known, and checks all that is told of it.
fn check(variant: &str, options: &LoadOptions) {
    let mut kernel = load(options);
    let program = Program::new(variant);
    let functions = Functions::of(&program);
    let run = program.run(&mut kernel, Verdict::GoTarget(program.layout()), 0);
    assert_eq!(kernel.losses()["stacks_full"], 0);
    let told: BTreeSet<_> = run.stacks.iter().map(|stack| stack.nr).collect();
    assert_eq!(told, run.first_seen, "{variant}: a stack for each call, and for none else");
    for stack in &run.stacks {
        assert_eq!(stack.start_code, functions.code, "{variant}: {stack:?}");
        let names = functions.names(stack);
        let is_whole = names.last().is_some_and(|last| last.starts_with("runtime.goexit"));
        let is_right = is_whole || stack.goroutine.is_none() || stack.frames.len() == DEEPEST;
        assert!(is_right, "{variant}: a goroutine's stack ends in {names:?}");
    }
    assert!(run.said.len() >= 6, "{:?}", run.said);
    for (name, goroutine) in &run.said {
        check_said(variant, name, *goroutine, &run, &functions);
    }
}

/// What the program says of one of its calls is what was told of it.
fn check_said(variant: &str, name: &str, goroutine: u64, run: &Run, functions: &Functions) {
    let [told] = run.of(name)[..] else { panic!("{variant}: {name} was told {:?}", run.of(name)) };
    assert_eq!(told.goroutine, Some(goroutine), "{variant}: {name} {told:?}");
    assert_eq!(told.from_c, BY_LIBC.contains(&name), "{variant}: {name} {told:?}");
    let names = functions.names(told);
    assert!(names.iter().any(|name| name.starts_with("main.")), "{variant}: {name} {names:?}");
}

/// Check that each first call of a Go program brings one stack that reaches the beginning of its goroutine, and that
/// the goroutine is the one that the program names: without and with libc, stripped or not.
#[test]
fn first_calls_tell_stack_and_goroutine() {
    for go in ["go1.19", "go1.27"] {
        for build in ["cgo0", "cgo0-stripped", "cgo1", "cgo1-stripped"] {
            check(&format!("{go}-{build}"), &unpinned());
        }
    }
}

/// Check the same with raw tracepoints.
#[test]
fn raw_tracepoints_tell_the_same() {
    check("go1.27-cgo1", &LoadOptions { hooks: Some(Hooks::Raw), ..unpinned() });
}

/// Check that a call that is made thousands of times is told once for each way to it: here two, the goroutine's and the
/// loop's, as the last one is at no gate.
#[test]
fn repeated_calls_are_told_once() {
    let mut kernel = load(&unpinned());
    let program = Program::new("go1.27-cgo0");
    let run = program.run(&mut kernel, Verdict::GoTarget(program.layout()), 20_000);
    assert_eq!(count(&kernel, run.slot, "getppid"), 20_002);
    let told = run.of("getppid");
    assert_eq!(told.len(), 2, "{told:?}");
    let mut unique: Vec<(u16, &[u64])> = Vec::new();
    for stack in &run.stacks {
        assert!(!unique.contains(&(stack.nr.get(), &stack.frames)), "told twice: {stack:?}");
        unique.push((stack.nr.get(), &stack.frames));
    }
}

/// Check that no goroutine is told where the runtime is not known, and that the stack is told all the same.
#[test]
fn unknown_runtimes_have_no_goroutines() {
    let mut kernel = load(&unpinned());
    let program = Program::new("go1.27-cgo0");
    let run = program.run(&mut kernel, Verdict::Target, 0);
    assert!(run.stacks.iter().all(|stack| stack.goroutine.is_none()), "{:?}", run.stacks);
    let functions = Functions::of(&program);
    for name in run.said.keys() {
        let names = functions.names(run.of(name)[0]);
        assert!(names.iter().any(|name| name.starts_with("main.")), "{name} {names:?}");
    }
}

/// Check that an alert brings a stack that was not told before: the third call's, whose count is no power of two.
#[test]
fn alerts_tell_their_stack() {
    let mut kernel = load(&unpinned());
    let program = Program::new("go1.19-cgo0");
    let known = Verdict::GoTarget(program.layout());
    let silent = program.run(&mut kernel, known, 1);
    assert_eq!((silent.alerts, silent.of("getppid").len()), (0, 2));
    kernel.alert_on(&BTreeSet::from([nr("getppid")])).expect("alerts are set");
    let run = program.run(&mut kernel, known, 1);
    assert_eq!(count(&kernel, run.slot, "getppid"), 3);
    let told = run.of("getppid");
    assert_eq!((run.alerts, told.len()), (2, 3), "{told:?}");
    let functions = Functions::of(&program);
    assert!(functions.names(told[2]).contains(&"main.deep"), "{:?}", functions.names(told[2]));
    assert_eq!(told[2].goroutine, Some(1), "the main goroutine");
}

/// Check that a slot's next life is told anew, and that nothing is told where nobody wants to know.
#[test]
fn stacks_are_told_anew_or_not_at_all() {
    let program = Program::new("go1.27-cgo0-stripped");
    let mut kernel = load(&unpinned());
    let known = Verdict::GoTarget(program.layout());
    let first = program.run(&mut kernel, known, 0);
    let used = kernel.used_slots().into_iter().map(|used| used.slot).collect();
    give_back(&mut kernel, used);
    let second = program.run(&mut kernel, known, 0);
    let frames = |run: &Run| run.of("geteuid").into_iter().map(|told: &Told| told.frames.clone()).collect();
    let (first, second): (Vec<_>, Vec<_>) = (frames(&first), frames(&second));
    assert_eq!((first.len(), first), (1, second));
    drop(kernel);

    let mut silent = load(&LoadOptions { stacks: Stacks::Left, ..unpinned() });
    let run = program.run(&mut silent, known, 0);
    assert!(!run.first_seen.is_empty());
    assert_eq!(run.stacks, []);
}
