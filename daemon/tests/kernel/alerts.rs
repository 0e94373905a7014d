//! Calls that are told of at once.
#![expect(clippy::expect_used, reason = "a helper that fails is a failed test")]

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use seccinch::kernel::{Happening, Kernel, Slot, Source as _, Targets as _};
use seccinch::model::SyscallNr;

use crate::support::{OnDemand, Program, events, load, nr, wait_for_wake};

/// A little longer than the kernel side's pause between two alerts.
const WINDOW: Duration = Duration::from_millis(60);
/// An alert that takes longer is none.
const AT_ONCE: Duration = Duration::from_millis(100);

/// A kernel that is alerted of these calls, and a target that makes `getppid` so often.
fn watched(name: &str, calls: u64, alerts: &[&str]) -> (Kernel, Slot, OnDemand, Program) {
    // Executions of others would wake us.
    let mut kernel = load(&seccinch::kernel::LoadOptions::default());
    kernel.alert_on(&alerts.iter().map(|name| nr(name)).collect()).expect("alerts are set");
    let program = Program::new(name);
    let process = program.start(calls);
    let slot = kernel.take_slot().expect("a slot is free");
    kernel.track(process.id(), slot);
    (kernel, slot, process, program)
}

/// The alerts that have come, as call and arguments.
fn alerts(kernel: &mut Kernel) -> Vec<(SyscallNr, [u64; 6])> {
    let alert = |event| match event {
        Happening::Alert { nr, arguments, .. } => Some((nr, arguments)),
        _ => None,
    };
    events(kernel).into_iter().filter_map(alert).collect()
}

/// Check that an alert comes at once, the first one and those of later windows, and one a window however many
/// calls there are.
#[test]
fn alerts_come_at_once_and_not_for_every_call() {
    let (mut kernel, slot, mut process, _program) = watched("alert", 1000, &["getppid"]);
    for window in 0..3 {
        let waited = wait_for_wake(&kernel, || process.call("now"));
        assert!(waited < AT_ONCE, "window {window}: {waited:?}");
        let told = alerts(&mut kernel);
        assert!((1..=5).contains(&told.len()), "window {window}: {told:?}");
        assert!(told.iter().all(|(call, _)| *call == nr("getppid")), "{told:?}");
        thread::sleep(WINDOW);
    }
    assert!(!kernel.give_column(slot, nr("getppid")), "a call that is told of has no column");
    kernel.alert_on(&BTreeSet::new()).expect("alerts are set");
    process.call("now");
    assert_eq!(alerts(&mut kernel), []);
    assert!(kernel.give_column(slot, nr("getppid")), "it may have one now");
    assert_eq!(kernel.counts(slot).expect("counts").get(nr("getppid")), 4000);
}

/// Check that a new argument value is told of at once, with all arguments, even right after another alert; and
/// the same value again is not.
#[test]
fn new_arguments_are_told_of() {
    let (mut kernel, _, mut process, _program) = watched("arguments", 1, &["ioctl"]);
    for command in ["21505", "21506", "21506", "21507"] {
        process.call(command);
    }
    let told = alerts(&mut kernel);
    let commands: BTreeSet<u64> = told.iter().map(|(_, arguments)| arguments[1]).collect();
    assert_eq!(commands, BTreeSet::from([21505, 21506, 21507]), "{told:?}");
    assert!(told.iter().all(|(call, values)| *call == nr("ioctl") && values[2] == 0x5ecc), "{told:?}");
    assert!(told.len() <= 4, "{told:?}");
}
