//! Where in its program a call was made: told once, and with the goroutine.

use std::collections::BTreeSet;

use seccinch::golang::GoLayout;
use seccinch::kernel::{LoadOptions, Stacks, Targets as _, Verdict};
use seccinch::model::GoBuild;

use crate::go_program::{Program, Run, Told};
use crate::names::Names;
use crate::support::{count, give_back, load, nr, unpinned};

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
    let names = Names::of(&program);
    for name in run.said.keys() {
        let names = names.functions(run.of(name)[0]);
        assert!(names.iter().any(|name| name.starts_with("main.")), "{name} {names:?}");
    }
}

/// Check that where it is not known how far below the thread pointer the goroutine is, or not rightly, a call is told
/// without one if no register has it either, and never with a wrong one.
#[test]
fn other_thread_local_data_is_no_goroutine() {
    let program = Program::new("go1.27-cgo1");
    let build = program.build();
    assert_eq!(build.goroutine_below, Some(24), "behind C's own");
    // There is C's, and then nothing of the program's.
    for goroutine_below in [None, Some(8), Some(16), Some(1 << 20)] {
        let mut kernel = load(&unpinned());
        let layout = GoLayout::of(&GoBuild { goroutine_below, ..build.clone() }).unwrap();
        let run = program.run(&mut kernel, Verdict::GoTarget(layout), 0);
        for (name, said) in &run.said {
            let told: Vec<_> = run.of(name).iter().map(|told| told.goroutine).collect();
            let expected = (name != "sched_rr_get_interval").then_some(said.goroutine);
            assert_eq!(told, [expected], "{name} with {goroutine_below:?}");
        }
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
    let names = Names::of(&program);
    assert!(names.functions(told[2]).contains(&"main.deep"), "{:?}", names.functions(told[2]));
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
