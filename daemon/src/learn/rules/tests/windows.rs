use proptest::prelude::*;

use super::*;
use crate::learn::testing::{at, go_build, id, nr, role, seen, values};
use crate::model::{Delta, PhaseCounts, Role, Seen, Starts, Timestamp, WorkloadId};

const ID: &str = "exe:/usr/bin/service";
const PER: u64 = 60;
/// No counts.
const NONE: [u64; 0] = [];

fn thresholds(over: u64, syscalls: &str) -> Thresholds {
    let text = format!("name = \"r\"\nsyscalls = [{syscalls}]\nover = {over}\nper = \"{PER}s\"");
    Thresholds::new(vec![rule(&text).unwrap()], Arch::NATIVE)
}

fn call(count: u64, arguments: Arguments) -> Seen {
    Seen { counts: PhaseCounts::new(0, count, 0), ..seen(0, at(0), arguments) }
}

fn delta(calls: &[(&str, u64)]) -> Delta {
    let calls: Vec<_> =
        calls.iter().map(|(name, count)| (*name, call(*count, Arguments::Unwatched))).collect();
    let roles = vec![role(Role::Main, go_build("a"), &calls)];
    Delta { workload: id(ID), since: None, roles, starts: Starts::default() }
}

/// What a poll at this second says, after one a second before.
fn poll(thresholds: &mut Thresholds, second: u64, calls: &[(&str, u64)]) -> Vec<(SyscallNr, u64)> {
    let mut violations = thresholds.sample(at(second - 1), at(second), &delta(calls));
    violations.extend(thresholds.tick(at(second)));
    violations.into_iter().map(|violation| (violation.syscall, violation.count)).collect()
}

fn tell(thresholds: &mut Thresholds, second: u64, name: &str) -> Vec<u64> {
    let violations = thresholds.alert(at(second), &id(ID), nr(name), [0; 6]);
    violations.into_iter().map(|violation| violation.count).collect()
}

/// Check that a threshold counts what falls into one window, and tells it once.
#[test]
fn a_window_has_one_report() {
    let mut thresholds = thresholds(10, "\"ptrace\"");
    assert_eq!(poll(&mut thresholds, 1, &[("ptrace", 10), ("read", 99)]), []);
    assert_eq!(poll(&mut thresholds, 2, &[("ptrace", 1)]), [(nr("ptrace"), 11)]);
    assert_eq!(poll(&mut thresholds, 3, &[("ptrace", 50)]), []);
    // The next window: what came after the report is in the next one.
    assert_eq!(poll(&mut thresholds, 61, &[("ptrace", 10)]), []);
    assert_eq!(poll(&mut thresholds, 62, &[("ptrace", 1)]), [(nr("ptrace"), 61)]);
    // A window that stays under is gone.
    assert_eq!(poll(&mut thresholds, 130, &[("ptrace", 10)]), []);
    assert_eq!(poll(&mut thresholds, 190, &[("ptrace", 10)]), []);
}

/// Check that every field of a violation is the rule's or the workload's.
#[test]
fn violations_say_all() {
    let mut thresholds = thresholds(0, "\"ptrace\"");
    let violations = thresholds.sample(at(0), at(1), &delta(&[("ptrace", 2)]));
    let expected = Violation {
        time: at(1),
        workload: id(ID),
        rule: "r".into(),
        syscall: nr("ptrace"),
        count: 2,
        over: 0,
        per: Duration::from_secs(PER),
        then: Then::Report,
        caller: None,
    };
    assert_eq!(violations, [expected]);
}

/// Check that what the kernel tells at once is told at once, and not counted twice.
#[test]
fn alerts_come_first() {
    let mut thresholds = thresholds(0, "\"ptrace\"");
    assert_eq!(thresholds.alert_calls(), [nr("ptrace")].into());
    assert_eq!(tell(&mut thresholds, 1, "ptrace"), [1]);
    assert_eq!(tell(&mut thresholds, 1, "ptrace"), NONE);
    assert_eq!(poll(&mut thresholds, 2, &[("ptrace", 3)]), []);
    // Two of those three were not told yet.
    assert_eq!(poll(&mut thresholds, 70, &[("ptrace", 1)]), [(nr("ptrace"), 3)]);
    // An alert that comes after its counter changes nothing.
    assert_eq!(tell(&mut thresholds, 70, "ptrace"), NONE);
    assert_eq!(tell(&mut thresholds, 70, "bpf"), NONE);
}

/// What the kernel tells at once of a program that is no workload.
fn tell_of(thresholds: &mut Thresholds, second: u64, program: &WorkloadId) -> usize {
    thresholds.alert_of_stranger(at(second), program, nr("ptrace"), [0; 6]).len()
}

/// Check that a program that is told of before it is a workload is not told of again as it becomes one, in whichever
/// window, and that it is no stranger from then on.
#[test]
fn strangers_are_told_of_once() {
    for second in [2, 200] {
        let mut thresholds = thresholds(0, "\"ptrace\"");
        assert_eq!((tell_of(&mut thresholds, 1, &id(ID)), tell_of(&mut thresholds, 2, &id(ID))), (1, 0));
        assert!(thresholds.is_stranger(&id(ID)));
        assert_eq!(poll(&mut thresholds, second, &[("ptrace", 1)]), []);
        assert!(!thresholds.is_stranger(&id(ID)));
        assert_eq!(poll(&mut thresholds, second + 100, &[("ptrace", 1)]), [(nr("ptrace"), 1)]);
    }
}

/// Check that a program that is over before it is a workload masks no call of one of the same name, and leaves
/// nothing behind after its window.
#[test]
fn strangers_leave_nothing_behind() {
    let mut thresholds = thresholds(0, "\"ptrace\"");
    assert_eq!(tell_of(&mut thresholds, 1, &id(ID)), 1);
    thresholds.stranger_passed(&id(ID));
    assert_eq!(thresholds.tick(at(100)), []);
    assert_eq!(thresholds.windows().count(), 0);
    assert_eq!(poll(&mut thresholds, 101, &[("ptrace", 1)]), [(nr("ptrace"), 1)]);
}

/// Check that strangers are bounded, and that the latest are told of once all the same.
#[test]
fn strangers_are_bounded() {
    let mut thresholds = thresholds(0, "\"ptrace\"");
    let program = |number: u64| id(&format!("exe:/srv/{number}"));
    for number in 0..300 {
        assert_eq!(tell_of(&mut thresholds, 1 + number / 100, &program(number)), 1);
    }
    assert_eq!(thresholds.windows().count(), 256);
    assert_eq!(tell_of(&mut thresholds, 4, &program(299)), 0);
    assert_eq!(tell_of(&mut thresholds, 4, &program(0)), 1, "it is told of, if twice");
}

/// Check that a rule with tolerance is not told of by the kernel.
#[test]
fn tolerant_rules_need_no_alerts() {
    let mut thresholds = thresholds(5, "\"ptrace\"");
    assert!(thresholds.alert_calls().is_empty());
    assert_eq!(tell(&mut thresholds, 1, "ptrace"), NONE);
}

/// Check that of two calls in one window the more frequent is reported, and the other one in the next window.
#[test]
fn the_second_call_is_reported_later() {
    let mut thresholds = thresholds(0, "\"ptrace\", \"bpf\"");
    assert_eq!(poll(&mut thresholds, 1, &[("ptrace", 2), ("bpf", 7)]), [(nr("bpf"), 7)]);
    assert_eq!(poll(&mut thresholds, 60, &[]), []);
    assert_eq!(poll(&mut thresholds, 61, &[]), [(nr("ptrace"), 2)]);
    assert_eq!(poll(&mut thresholds, 200, &[]), []);
    assert_eq!(thresholds.windows().count(), 0, "nothing is kept of what is over");
}

/// Check that only calls with the bits count, by learned values and by registers.
#[test]
fn arguments_decide() {
    let text = "name = \"r\"\nsyscalls = [\"clone\"]\nover = 0\nper = \"1m\"\n\
                argument = { index = 0, any_of = 0x10000000 }";
    let mut thresholds = Thresholds::new(vec![rule(text).unwrap()], Arch::NATIVE);
    let mut sample = |arguments: Arguments, second| {
        let roles = vec![role(Role::Main, go_build("a"), &[("clone", call(9, arguments))])];
        let delta = Delta { workload: id(ID), since: None, roles, starts: Starts::default() };
        thresholds.sample(at(second), at(second), &delta).into_iter().map(|one| one.count).collect::<Vec<_>>()
    };
    assert_eq!(sample(values(&[(&[0xd0f00], 7)]), 1), NONE);
    assert_eq!(sample(Arguments::Any, 2), NONE);
    assert_eq!(sample(Arguments::Unwatched, 3), NONE);
    assert_eq!(sample(values(&[(&[0x1000_0011], 2), (&[17], 7)]), 4), [2]);
    let mut alert = |flags, second| {
        thresholds.alert(at(second), &id(ID), nr("clone"), [flags, 1 << 28, 0, 0, 0, 0]).len()
    };
    assert_eq!((alert(0xd0f00, 100), alert(0x1000_0011, 101)), (0, 1));
}

/// Check that calls of a long time are not taken for a burst.
#[test]
fn a_late_sample_is_spread() {
    let mut thresholds = thresholds(10, "\"ptrace\"");
    assert_eq!(thresholds.sample(at(0), at(3600), &delta(&[("ptrace", 600)])), []);
    let late = thresholds.sample(at(3700), at(7300), &delta(&[("ptrace", 661)]));
    assert_eq!(late[0].count, 661);
}

/// Check that rules that stay keep their windows over a reload, and others lose them.
#[test]
fn reloads_keep_windows() {
    let mut thresholds = thresholds(0, "\"ptrace\"");
    assert_eq!(poll(&mut thresholds, 1, &[("ptrace", 1)]).len(), 1);
    let mut rules = thresholds.rules().to_vec();
    rules.insert(0, Rule { name: "other".into(), over: 9, ..rules[0].clone() });
    thresholds.set_rules(rules.clone());
    assert_eq!(poll(&mut thresholds, 2, &[("ptrace", 1)]), []);
    thresholds.set_rules(rules[..1].to_vec());
    assert_eq!(thresholds.windows().count(), 1, "the window of the other rule");
    thresholds.forget(&id(ID));
    assert_eq!(thresholds.windows().count(), 0);
}

/// What happens, in seconds of a clock that may be set.
#[derive(Debug, Clone)]
enum Step {
    Poll(u8, u8),
    Alert(u8),
    Clock(i16),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (any::<u8>(), any::<u8>()).prop_map(|(ptrace, bpf)| Step::Poll(ptrace % 4, bpf % 4)),
        (0..2u8).prop_map(Step::Alert),
        (0..50i16).prop_map(Step::Clock),
    ]
}

/// Takes the steps, and returns when what was reported, and how many calls were counted in all.
fn take(thresholds: &mut Thresholds, steps: &[Step]) -> (Vec<(u64, u64)>, u64) {
    let (mut clock, mut reports, mut counted) = (100_000_u64, Vec::new(), 0);
    for step in steps {
        match step {
            Step::Poll(ptrace, bpf) => {
                counted += u64::from(*ptrace) + u64::from(*bpf);
                let polled = poll(thresholds, clock, &[("ptrace", (*ptrace).into()), ("bpf", (*bpf).into())]);
                reports.extend(polled.into_iter().map(|(_, count)| (clock, count)));
            }
            Step::Alert(which) => {
                let told = tell(thresholds, clock, ["ptrace", "bpf"][usize::from(*which)]);
                reports.extend(told.into_iter().map(|count| (clock, count)));
            }
            Step::Clock(more) => clock = clock.saturating_add_signed((*more).into()),
        }
    }
    (reports, counted)
}

proptest! {
    /// Check that no window has two reports, and that every call is in a report or still to be reported.
    #[test]
    fn windows_and_counts_hold(steps in prop::collection::vec(any_step(), 0..80)) {
        let mut thresholds = thresholds(0, "\"ptrace\", \"bpf\"");
        let (reports, counted) = take(&mut thresholds, &steps);
        for pair in reports.windows(2) {
            prop_assert!(pair[1].0 - pair[0].0 >= PER, "{:?}", reports);
        }
        let reported: u64 = reports.iter().map(|(_, count)| count).sum();
        let outstanding: u64 = thresholds.windows().map(window::Window::outstanding).sum();
        let ahead: u64 = thresholds.windows().map(window::Window::ahead).sum();
        prop_assert_eq!(reported + outstanding, counted + ahead);
        prop_assert!(thresholds.windows().count() <= 1);
    }

    /// Check that with tolerance no report tells of fewer calls than the rule tolerates, or of more than were made.
    #[test]
    fn thresholds_hold(over in 1..12u64, steps in prop::collection::vec(any_step(), 0..80)) {
        let mut thresholds = thresholds(over, "\"ptrace\", \"bpf\"");
        let (reports, counted) = take(&mut thresholds, &steps);
        prop_assert!(reports.iter().all(|(_, count)| *count > over), "{:?}", reports);
        prop_assert!(reports.iter().map(|(_, count)| count).sum::<u64>() <= counted);
    }

    /// Check that a clock that jumps brings at most one report for every window that it claims to have passed.
    #[test]
    fn jumps_do_not_flood(times in prop::collection::vec(any::<u64>(), 1..40)) {
        let mut thresholds = thresholds(0, "\"ptrace\"");
        let per = u128::from(PER) * 1_000_000_000;
        let (mut reports, mut passed, mut last) = (0_u128, 0_u128, times[0]);
        for time in times {
            let now = Timestamp::from_unix_nanos(time);
            reports += thresholds.sample(Timestamp::from_unix_nanos(last), now, &delta(&[("ptrace", 1)])).len() as u128;
            passed += u128::from(time.saturating_sub(last));
            last = time;
        }
        prop_assert!(reports <= 1 + passed / per, "{reports} reports");
    }

    /// Check that a clock that is set back and on again by seconds brings no second report.
    #[test]
    fn a_trembling_clock_brings_one_report(steps in prop::collection::vec(-20..20i64, 0..60)) {
        let mut thresholds = thresholds(0, "\"ptrace\"");
        let mut reports = 0;
        for step in steps {
            reports += poll(&mut thresholds, 1_000_u64.saturating_add_signed(step), &[("ptrace", 1)]).len();
        }
        prop_assert!(reports <= 1);
    }
}
