use proptest::prelude::*;

use super::*;
use crate::learn::testing::{any_role, at, go_build, host, id, role, seen, values};
use crate::model::{Build, Reached};

const ID: &str = "exe:/usr/bin/service";

fn delta(roles: Vec<RoleObservations>) -> Delta {
    Delta { workload: id(ID), since: None, roles, starts: Starts { whole: 1, partial: 0, shutdowns: 0 } }
}

fn begun() -> Baseline {
    begin(id(ID), host(), at(10))
}

/// Check that counts, values, starts and times grow with every delta.
#[test]
fn deltas_add_up() {
    let mut baseline = begun();
    let calls = [("socket", seen(2, at(20), values(&[(&[2, 1, 6], 3)])))];
    for _ in 0..2 {
        absorb(&mut baseline, delta(vec![role(Role::Main, go_build("a"), &calls)]), at(20));
    }
    let socket = &baseline.roles[0].syscalls.values().next().unwrap();
    assert_eq!(socket.counts.total(), 6);
    assert_eq!(socket.arguments, values(&[(&[2, 1, 6], 6)]));
    assert_eq!((baseline.first, baseline.last), (at(10), at(20)));
    assert_eq!((baseline.roles.len(), baseline.roles[0].processes, baseline.starts.whole), (1, 2, 2));
    absorb(&mut baseline, delta(Vec::new()), at(5));
    assert_eq!((baseline.first, baseline.last), (at(5), at(20)), "a clock that was set back moves no end");
}

/// Check that only a program, a call or a value that was not there can make another profile.
#[test]
fn counts_alone_are_no_news() {
    let mut baseline = begun();
    let mut news = |build: &str, name: &str, arguments: Arguments| {
        let calls = [(name, seen(1, at(20), arguments))];
        absorb(&mut baseline, delta(vec![role(Role::Main, go_build(build), &calls)]), at(20))
    };
    let one = || values(&[(&[2, 1, 6], 3)]);
    assert!(news("a", "read", Arguments::Unwatched));
    assert!(!news("a", "read", Arguments::Unwatched));
    assert!(news("a", "socket", one()));
    assert!(!news("a", "socket", one()) && !news("a", "socket", Arguments::Unwatched));
    assert!(news("a", "socket", values(&[(&[1, 1, 0], 1)])));
    assert!(news("a", "socket", Arguments::Any) && !news("a", "socket", one()));
    assert!(news("b", "read", Arguments::Unwatched));
    assert!(!absorb(&mut baseline, delta(Vec::new()), at(21)));
}

/// Check that a scan is news once, and again only if it found more.
#[test]
fn scans_are_news_once() {
    let mut baseline = begun();
    let mut news = |names: &[&str]| {
        let calls = names.iter().map(|name| (crate::learn::testing::nr(name), Reached::default()));
        let reachable = Reachable { syscalls: calls.collect(), ..Reachable::default() };
        let role = role(Role::Main, go_build("a"), &[]);
        let role = RoleObservations { reachable: Some(Arc::new(reachable)), ..role };
        absorb(&mut baseline, delta(vec![role]), at(20))
    };
    assert!(news(&["read"]));
    assert!(!news(&["read"]));
    assert!(news(&["read", "write"]));
    assert!(!news(&["write"]), "the scans of other libraries are united");
    let bare = delta(vec![role(Role::Main, go_build("a"), &[])]);
    assert!(!absorb(&mut baseline, bare, at(21)));
    assert_eq!(baseline.roles[0].reachable.as_ref().unwrap().syscalls.len(), 2);
}

/// Check that a count without values keeps those that are known, and that one that is lost opens the call.
#[test]
fn counts_and_values_may_come_apart() {
    let mut baseline = begun();
    for arguments in [Arguments::Unwatched, values(&[(&[2, 1, 6], 3)]), Arguments::Unwatched] {
        let calls = [("socket", seen(1, at(20), arguments)), ("read", seen(1, at(20), Arguments::Unwatched))];
        absorb(&mut baseline, delta(vec![role(Role::Main, go_build("a"), &calls)]), at(20));
    }
    let arguments = |baseline: &Baseline, name| {
        baseline.roles[0].syscalls[&crate::learn::testing::nr(name)].arguments.clone()
    };
    assert_eq!(arguments(&baseline, "socket"), values(&[(&[2, 1, 6], 3)]));
    assert_eq!(arguments(&baseline, "read"), Arguments::Unwatched);
    let lost = [("socket", seen(1, at(21), Arguments::Any))];
    absorb(&mut baseline, delta(vec![role(Role::Main, go_build("a"), &lost)]), at(21));
    assert_eq!(arguments(&baseline, "socket"), Arguments::Any);
}

/// Check that the newest builds stay, by when they were last seen.
#[test]
fn the_newest_builds_stay() {
    let mut baseline = begun();
    let build = |n: usize| go_build(&format!("{n:02}"));
    let calls = |time| [("read", seen(1, at(time), Arguments::Unwatched))];
    for n in 0..MOST_BUILDS {
        absorb(&mut baseline, delta(vec![role(Role::Main, build(n), &calls(n as u64))]), at(50));
    }
    // The first one runs again.
    absorb(&mut baseline, delta(vec![role(Role::Main, build(0), &calls(90))]), at(90));
    absorb(&mut baseline, delta(vec![role(Role::Main, build(99), &calls(91))]), at(91));
    let ids: Vec<_> = baseline.roles.iter().filter_map(|role| role.build.id.as_deref()).collect();
    assert_eq!(ids.len(), MOST_BUILDS);
    assert!(ids.contains(&"00") && ids.contains(&"99") && !ids.contains(&"01"), "{ids:?}");
    assert!(baseline.losses.is_empty(), "a build that others followed is no loss");
}

/// Check that programs beyond all bounds are counted as lost, and the service itself stays.
#[test]
fn too_many_programs_are_a_loss() {
    let mut baseline = begun();
    let calls = |time| [("read", seen(1, at(time), Arguments::Unwatched))];
    absorb(&mut baseline, delta(vec![role(Role::Main, go_build("a"), &calls(1))]), at(1));
    for n in 0..150 {
        let build = Build { path: format!("/tmp/{n}"), ..Build::default() };
        let child = role(Role::Child(n.to_string()), build, &calls(2 + n));
        absorb(&mut baseline, delta(vec![child]), at(2 + n));
    }
    assert_eq!(baseline.roles.len(), MOST_PROGRAMS);
    assert!(baseline.roles.iter().any(|role| role.role == Role::Main));
    assert_eq!(baseline.losses.0[FORGOTTEN], 51);
}

/// Check that gaps stay bounded and cover what they covered.
#[test]
fn gaps_are_bounded() {
    let mut baseline = begun();
    for n in 0..150 {
        add_gap(&mut baseline, Gap { from: at(n * 2), to: at(n * 2 + 1), reason: "unloaded".into() });
    }
    assert_eq!(baseline.gaps.len(), MOST_GAPS);
    assert_eq!((baseline.gaps[0].from, baseline.gaps[0].to), (at(0), at(101)));
    assert_eq!(baseline.gaps.last().unwrap().from, at(298));
}

/// Check that violations of a rule are counted over its calls.
#[test]
fn violations_are_kept_by_rule() {
    let mut baseline = begun();
    for (name, time) in [("ptrace", 3), ("bpf", 2), ("ptrace", 5)] {
        add_violation(&mut baseline, "tools", crate::learn::testing::nr(name), at(time));
    }
    let violated = &baseline.violated["tools"];
    let counts = ["ptrace", "bpf"].map(|name| violated.syscalls[&crate::learn::testing::nr(name)]);
    assert_eq!(counts, [2, 1]);
    assert_eq!((violated.first, violated.last), (at(2), at(5)));
}

proptest! {
    /// Check that nothing of what was done is lost below the bounds, in whatever order it came.
    #[test]
    fn the_order_does_not_matter(roles in prop::collection::vec(any_role(), 0..8)) {
        let (mut forwards, mut backwards) = (begun(), begun());
        for role in &roles {
            absorb(&mut forwards, delta(vec![role.clone()]), at(20));
        }
        for role in roles.iter().rev() {
            absorb(&mut backwards, delta(vec![role.clone()]), at(20));
        }
        prop_assert_eq!(observations(&forwards), observations(&backwards));
        let total = |roles: &[RoleObservations]| -> u128 {
            roles.iter().flat_map(|role| role.syscalls.values()).map(|seen| u128::from(seen.counts.total())).sum()
        };
        prop_assert_eq!(total(&observations(&forwards).roles), total(&roles));
    }
}
