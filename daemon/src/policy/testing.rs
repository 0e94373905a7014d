//! A profile with one rule of every kind, for tests.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::floor::{NoNewPrivileges, Runtime};
use super::{
    Alternatives, ArgIndex, BuildStamp, Condition, Conjunction, DefaultAction, Digest, ENOSYS, EPERM, Launch,
    Masked, Note, Observed, Profile, Provenance, Reach, Reason, Rule, Verdict,
};
use crate::learn::testing::{any_limits, any_reached};
use crate::model::{Arch, Caller, Frame, PhaseCounts, Reached, Role, ScanLimits, SyscallNr, Timestamp};
use crate::syscalls;

/// The number of a name on x86-64.
pub(crate) fn nr(name: &str) -> SyscallNr {
    syscalls::number(Arch::X86_64, name).expect("a known name")
}

/// `argument == value` in the width of an `int`.
pub(crate) fn equals(index: u64, value: u64) -> (ArgIndex, Masked) {
    masked(index, 0xffff_ffff, value)
}

/// `argument & mask == value`.
pub(crate) fn masked(index: u64, mask: u64, value: u64) -> (ArgIndex, Masked) {
    (ArgIndex::new(index).expect("an argument"), Masked::new(mask, value).expect("a comparison"))
}

/// Allowed when one of these lists holds whole.
pub(crate) fn when(lists: &[&[(ArgIndex, Masked)]]) -> Verdict {
    let lists = lists.iter().map(|list| Conjunction::new(list.iter().copied()).expect("conditions"));
    Verdict::Allow(Condition::When(Alternatives::new(lists).expect("alternatives")))
}

/// Allowed always.
pub(crate) const ALWAYS: Verdict = Verdict::Allow(Condition::Always);

/// A rule that was observed once.
pub(crate) fn observed(verdict: Verdict) -> Rule {
    Rule::new(
        verdict,
        Reason::Observed(Observed {
            role: Role::Main,
            program: "/usr/bin/service".into(),
            build: Some("abc".into()),
            counts: PhaseCounts::new(3, 40, 0),
            first: Timestamp::from_unix_nanos(1_795_000_000_000_000_001),
            in_flight: false,
            caller: Some(caller()),
            is_reachable: Some(true),
        }),
    )
}

fn caller() -> Caller {
    let frame = |function: &str, line, is_inlined| Frame {
        function: function.into(),
        file: "/src/main.go".into(),
        line,
        is_inlined,
    };
    Caller {
        frames: [frame("os.Open", 17, true), frame("main.main", 4, false)].into(),
        goroutine: Some(1),
        time: Timestamp::from_unix_nanos(1_795_000_000_000_000_002),
    }
}

/// A profile of these rules.
pub(crate) fn profile(default: DefaultAction, rules: &[(&str, Verdict)]) -> Profile {
    let rules = rules.iter().map(|(name, verdict)| (nr(name), observed(verdict.clone())));
    Profile::new(Arch::X86_64, default, rules.collect()).expect("a profile")
}

/// A profile with one rule of every kind, and everything else that a profile can have.
pub(crate) fn sample() -> Profile {
    let floor = Reason::Floor { floor: "go".into(), text: "the runtime blocks on it".into() };
    let guard = Reason::Guard("its flags can't be filtered; ENOSYS makes callers fall back to clone".into());
    let rules = BTreeMap::from([
        (nr("read"), observed(ALWAYS)),
        (nr("write"), observed(ALWAYS)),
        (nr("futex"), Rule::new(ALWAYS, floor.clone())),
        (nr("exit_group"), observed(ALWAYS).because([floor])),
        (nr("execve"), observed(ALWAYS)),
        (nr("socket"), observed(when(&[&[equals(0, 2)], &[equals(0, 10)]]))),
        (nr("clone"), observed(when(&[&[masked(0, 0x7e02_0000, 0)]]))),
        (nr("clone3"), Rule::new(Verdict::Errno(ENOSYS), guard)),
    ]);
    let profile = Profile::new(Arch::X86_64, DefaultAction::Errno(EPERM), rules).expect("a profile");
    let profile = profile.with_refused([(nr("ptrace"), refusal("ptrace"))]);
    let profile = profile.with_notes([Note("the recording was not whole".into())]);
    profile.with_reach(reach()).with_provenance(provenance())
}

/// What the scan of the one binary said, which found out everything.
fn reach() -> Reach {
    let mount = Reached { packages: ["example.org/disk".into()].into(), is_go: true, is_optional: true };
    let calls = [(nr("read"), Reached { is_go: true, ..Reached::default() }), (nr("mount"), mount)];
    Reach::new(calls.into(), [(stamp("abc"), ScanLimits::default())].into())
}

/// A build of the service.
fn stamp(id: &str) -> BuildStamp {
    BuildStamp { path: "/usr/bin/service".into(), id: Some(id.into()), go: Some("go1.27.3".into()) }
}

/// Why a rule took a call out.
fn refusal(rule: &str) -> BTreeSet<Reason> {
    [Reason::Rule { name: rule.into(), text: "taken out although it was observed".into() }].into()
}

fn provenance() -> Provenance {
    let launch = Launch { runtime: Some(Runtime::Runc), no_new_privileges: NoNewPrivileges::Set };
    Provenance {
        seccinch: BTreeSet::from(["0.1.0".into()]),
        kernels: BTreeSet::from(["6.1.0".into()]),
        clock_sources: BTreeSet::from(["tsc".into()]),
        launches: BTreeSet::from([launch]),
        builds: BTreeSet::from([stamp("abc")]),
        floors: BTreeMap::from([("go".into(), "1".into())]),
        inputs: BTreeSet::from([Digest::of(b"")]),
    }
}

/// Any profile of a few calls. Its refused calls all have one error, so that any two can be merged.
pub(crate) fn any_profile() -> impl Strategy<Value = Profile> {
    let name = prop::sample::select(vec!["read", "socket", "ioctl", "ptrace", "clone3", "mseal"]);
    let mask = prop::sample::select(vec![0xffff_ffff, u64::MAX, 0x7e02_0000, 6]);
    let condition = (0..6u64, mask, prop_oneof![0..3u64, any::<u64>()])
        .prop_map(|(index, mask, value)| (index, masked(index, mask, value & mask)));
    // By argument, so that none has two.
    let list = prop::collection::vec(condition, 1..3)
        .prop_map(|list| BTreeMap::from_iter(list).into_values().collect::<Vec<_>>());
    let verdict = prop_oneof![
        Just(ALWAYS),
        Just(Verdict::Errno(ENOSYS)),
        prop::collection::vec(list, 1..4).prop_map(|lists| {
            let lists: Vec<&[(ArgIndex, Masked)]> = lists.iter().map(Vec::as_slice).collect();
            when(&lists)
        }),
    ];
    let refused = prop::collection::btree_map(name.clone().prop_map(nr), "[ab]", 0..3);
    let reach = any_reach(name.clone().prop_map(nr));
    (prop::collection::vec((name, verdict), 0..6), refused, reach).prop_map(|(mut rules, refused, reach)| {
        rules.push(("exit_group", ALWAYS));
        let refused = refused.into_iter().map(|(nr, rule)| (nr, refusal(&rule)));
        profile(DefaultAction::Errno(EPERM), &rules).with_refused(refused).with_reach(reach)
    })
}

fn any_reach(number: impl Strategy<Value = SyscallNr>) -> impl Strategy<Value = Reach> {
    let calls = prop::collection::btree_map(number, any_reached(), 0..4);
    let scanned = prop::collection::btree_map("[ab]".prop_map(|id| stamp(&id)), any_limits(), 0..3);
    (calls, scanned).prop_map(|(calls, scanned)| Reach::new(calls, scanned))
}
