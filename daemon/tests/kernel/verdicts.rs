//! Executions are treated as was decided about their file.
#![expect(clippy::panic, reason = "a helper that fails is a failed test")]

use std::collections::BTreeSet;

use seccinch::kernel::{FileKey, Happening, Kernel, Slot, Source as _, Targets as _, Verdict};

use crate::support::{Program, count, events, give_back, load, unpinned, wait_for_exec};

/// The slot and file of a process that executed a file and was no target before.
fn newcomer(kernel: &mut Kernel, process: u32) -> (Slot, FileKey) {
    match wait_for_exec(kernel, process) {
        Happening::Exec { slot, previous: None, fresh: true, file, .. } => (slot, file),
        other => panic!("not a new one: {other:?}"),
    }
}

/// Check that a file of which nothing is known is counted provisionally, an ignored one never, and a target's
/// from its first call; and that nothing is known when the verdicts are forgotten.
#[test]
fn executions_follow_the_verdict() {
    let mut kernel = load(&unpinned());
    let program = Program::new("verdict");
    let unknown = program.run(7);
    let (slot, file) = newcomer(&mut kernel, unknown);
    let whole = kernel.counts(slot).expect("counts");
    assert_eq!((count(&kernel, slot, "getppid"), count(&kernel, slot, "execve")), (7, 0), "{whole:?}");

    kernel.decide(file, Verdict::Ignored).expect("a verdict is taken");
    let mut ignored = program.start(1);
    ignored.call("now");
    assert_eq!(kernel.slot_of(ignored.id()), None);
    let tells = |event: &Happening| matches!(event, Happening::Exec { tgid, .. } if *tgid == ignored.id());
    assert!(!events(&mut kernel).iter().any(tells), "an ignored execution is not announced");

    kernel.decide(file, Verdict::Target).expect("a verdict is taken");
    let target = program.run(7);
    let (slot, _) = newcomer(&mut kernel, target);
    assert_eq!(kernel.counts(slot).expect("counts"), whole, "every call from the first one on");

    kernel.decide(file, Verdict::Ignored).expect("a verdict is taken");
    kernel.forget_verdicts().expect("verdicts can be forgotten");
    let forgotten = program.run(7);
    newcomer(&mut kernel, forgotten);
}

/// Check that who is known to be meant is counted even where no slot is left for those of whom nothing is known.
#[test]
fn targets_are_counted_when_provisional_slots_are_gone() {
    let mut kernel = load(&unpinned());
    let known = Program::new("known");
    let first = known.run(1);
    let (_, file) = newcomer(&mut kernel, first);
    kernel.decide(file, Verdict::Target).expect("a verdict is taken");
    let others = Program::new("others");
    while kernel.losses()["slots_full"] == 0 {
        others.run(0);
        let _ = events(&mut kernel);
    }
    let target = known.run(5);
    let (slot, _) = newcomer(&mut kernel, target);
    assert_eq!(count(&kernel, slot, "getppid"), 5);
    let all: BTreeSet<Slot> = kernel.used_slots().into_iter().map(|used| used.slot).collect();
    give_back(&mut kernel, all);
    let unknown = others.run(3);
    let (slot, _) = newcomer(&mut kernel, unknown);
    assert_eq!(count(&kernel, slot, "getppid"), 3, "they are back");
}
