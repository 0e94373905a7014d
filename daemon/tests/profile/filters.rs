//! Filters are executed: each call is made under the compiled profile, and its exact end compared with what
//! the profile says.

use std::collections::BTreeMap;

use proptest::prelude::*;
use seccinch::emit::bpf;
use seccinch::model::{Arch, SyscallNr};
use seccinch::policy::{
    Alternatives, ArgIndex, Condition, Conjunction, DefaultAction, ENOSYS, EPERM, Masked, Profile, Reason,
    Rule, Verdict,
};
use seccinch::syscalls::number;

use crate::sys::{Entry, Outcome, under};

const INT: u64 = 0xffff_ffff;
const ALWAYS: Verdict = Verdict::Allow(Condition::Always);

fn nr(name: &str) -> SyscallNr {
    number(Arch::NATIVE, name).expect("a known name")
}

fn all_of(conditions: &[(u64, u64, u64)]) -> Conjunction {
    let conditions = conditions.iter().map(|&(index, mask, value)| {
        (ArgIndex::new(index).expect("an argument"), Masked::new(mask, value).expect("a comparison"))
    });
    Conjunction::new(conditions).expect("conditions")
}

fn when(lists: &[&[(u64, u64, u64)]]) -> Verdict {
    let lists = lists.iter().map(|list| all_of(list));
    Verdict::Allow(Condition::When(Alternatives::new(lists).expect("alternatives")))
}

/// A program with one rule of every kind.
fn program(default: DefaultAction, more: &[(&str, Verdict)]) -> Vec<u8> {
    bpf(&profile(default, more)).expect("a program")
}

/// A profile with one rule of every kind. The child has to be able to end.
fn profile(default: DefaultAction, more: &[(&str, Verdict)]) -> Profile {
    let rules = [
        ("exit_group", ALWAYS),
        ("getpid", ALWAYS),
        ("socket", when(&[&[(0, INT, 2)], &[(0, INT, 10)]])),
        ("setsockopt", when(&[&[(1, INT, 1), (2, INT, 2)], &[(1, INT, 6), (2, INT, 1)]])),
        ("ioctl", when(&[&[(1, INT, 0x5401)]])),
        ("ptrace", when(&[&[(0, u64::MAX, 16)]])),
        ("clone", when(&[&[(0, 0x7e02_0000, 0)]])),
        ("clone3", Verdict::Errno(ENOSYS)),
    ];
    let reason = || Reason::Guard("a test".into());
    let rules =
        rules.iter().chain(more).map(|(name, verdict)| (nr(name), Rule::new(verdict.clone(), reason())));
    Profile::new(Arch::NATIVE, default, rules.collect::<BTreeMap<_, _>>()).expect("a profile")
}

const NO_FD: u64 = u64::MAX;

fn check(program: &[u8], name: &str, arguments: &[u64], expected: Outcome) {
    let mut call = [0; 7];
    call[0] = u64::from(nr(name).get());
    call[1..=arguments.len()].copy_from_slice(arguments);
    assert_eq!(under(program, Entry::Native, call), expected, "{name} {arguments:x?}");
}

/// Check the exact end of calls on either side of each rule.
#[test]
fn calls_end_as_the_rules_say() {
    let program = program(DefaultAction::Errno(EPERM), &[]);
    let refused = Outcome::Errno(libc::EPERM);
    let passed = Outcome::Errno;
    let high = 1 << 32;
    let cases: &[(&str, &[u64], Outcome)] = &[
        ("getpid", &[], Outcome::Worked),
        ("getuid", &[], refused),
        ("mseal", &[0, 0, 0], refused),
        ("clone3", &[0, 0], Outcome::Errno(libc::ENOSYS)),
        ("socket", &[2, 1, 0], Outcome::Worked),
        ("socket", &[1, 1, 0], refused),
        ("socket", &[16, 3, 0], refused),
        // The kernel takes an int, so the upper half of the register decides nothing.
        ("socket", &[high | 2, 1, 0], Outcome::Worked),
        ("setsockopt", &[NO_FD, 1, 2, 0, 0], passed(libc::EBADF)),
        ("setsockopt", &[NO_FD, 6, 1, 0, 0], passed(libc::EBADF)),
        ("setsockopt", &[NO_FD, 1, 1, 0, 0], refused),
        ("setsockopt", &[NO_FD, 6, 2, 0, 0], refused),
        ("ioctl", &[NO_FD, 0x5401, 0], passed(libc::EBADF)),
        ("ioctl", &[NO_FD, 0xffff_ffff_0000_5401, 0], passed(libc::EBADF)),
        ("ioctl", &[NO_FD, 0x5402, 0], refused),
        // A long is compared whole.
        ("ptrace", &[16, 0x3fff_ffff], passed(libc::ESRCH)),
        ("ptrace", &[high | 16, 0x3fff_ffff], refused),
        // CLONE_THREAD without CLONE_SIGHAND, and the same with CLONE_NEWUSER.
        ("clone", &[0x10000, 0], passed(libc::EINVAL)),
        ("clone", &[0x1001_0000, 0], refused),
        ("clone", &[0x0002_0000, 0], refused),
    ];
    for (name, arguments, expected) in cases {
        check(&program, name, arguments, *expected);
    }
}

/// Check the three default actions on the same refused call.
#[test]
fn defaults_do_what_they_say() {
    check(&program(DefaultAction::Errno(ENOSYS), &[]), "getuid", &[], Outcome::Errno(libc::ENOSYS));
    check(&program(DefaultAction::Log, &[]), "getuid", &[], Outcome::Worked);
    let kill = program(DefaultAction::KillProcess, &[]);
    check(&kill, "getuid", &[], Outcome::Killed(libc::SIGSYS));
    check(&kill, "socket", &[1, 1, 0], Outcome::Killed(libc::SIGSYS));
    check(&kill, "clone3", &[0, 0], Outcome::Errno(libc::ENOSYS));
    check(&kill, "getpid", &[], Outcome::Worked);
}

/// Check that under a lockdown other arguments of allowed calls fail as what can happen does, and the rest kills.
#[test]
fn lockdown_kills_only_what_has_no_rule() {
    let kill = profile(DefaultAction::KillProcess, &[("mount", Verdict::Errno(EPERM))]);
    let program = bpf(&kill.with_otherwise(Some(EPERM)).expect("few values")).expect("a program");
    let refused = Outcome::Errno(libc::EPERM);
    let high = 1 << 32;
    let cases: &[(&str, &[u64], Outcome)] = &[
        ("getpid", &[], Outcome::Worked),
        ("getuid", &[], Outcome::Killed(libc::SIGSYS)),
        ("mount", &[0, 0, 0, 0, 0], refused),
        ("clone3", &[0, 0], Outcome::Errno(libc::ENOSYS)),
        ("socket", &[2, 1, 0], Outcome::Worked),
        ("socket", &[high | 2, 1, 0], Outcome::Worked),
        ("socket", &[16, 3, 0], refused),
        ("socket", &[INT, 3, 0], refused),
        ("setsockopt", &[NO_FD, 1, 2, 0, 0], Outcome::Errno(libc::EBADF)),
        ("setsockopt", &[NO_FD, 1, 1, 0, 0], refused),
        ("setsockopt", &[NO_FD, 2, 2, 0, 0], refused),
        ("ioctl", &[NO_FD, 0x5402, 0], refused),
        ("ptrace", &[high | 16, 0x3fff_ffff], refused),
        ("clone", &[0x1001_0000, 0], refused),
    ];
    for (name, arguments, expected) in cases {
        check(&program, name, arguments, *expected);
    }
}

/// Check that a number that has no name yet can be allowed, and its neighbour is not.
#[test]
fn unnamed_numbers_are_refused_by_default() {
    let program = program(DefaultAction::Errno(EPERM), &[]);
    for number in [450, 462, 511, 999] {
        let outcome = under(&program, Entry::Native, [number, 0, 0, 0, 0, 0, 0]);
        assert_eq!(outcome, Outcome::Errno(libc::EPERM), "{number}");
    }
}

/// Check that another ABI is killed, even for the number of an allowed call.
#[test]
#[cfg(target_arch = "x86_64")]
fn other_abis_are_killed() {
    let program = program(DefaultAction::Errno(EPERM), &[]);
    let x32 = 0x4000_0000 | u64::from(nr("getpid").get());
    let killed = Outcome::Killed(libc::SIGSYS);
    assert_eq!(under(&program, Entry::Native, [x32, 0, 0, 0, 0, 0, 0]), killed, "x32 getpid");
    // 20 is getpid in the 32-bit table.
    assert_eq!(under(&program, Entry::Int80, [20, 0, 0, 0, 0, 0, 0]), killed, "32-bit getpid");
}

/// A condition with few bits, so that arguments meet it often.
fn masked() -> impl Strategy<Value = (u64, u64, u64)> {
    let mask = prop_oneof![Just(INT), Just(u64::MAX), Just(0x7e02_0000), 1..16u64, Just(5 << 31)];
    (0..6u64, mask, prop_oneof![0..8u64, any::<u64>()])
        .prop_map(|(index, mask, value)| (index, mask, value & mask))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Check that the kernel refuses by an error exactly what a condition leaves over, for any values of two arguments,
    /// where everything else kills.
    #[test]
    fn the_kernel_refuses_what_is_left_over(
        pairs in prop::collection::btree_set((0..12u64, prop::option::of(0..4u64)), 1..7),
        arguments in (prop_oneof![0..12u64, any::<u64>()], prop_oneof![0..4u64, any::<u64>()]),
    ) {
        let list = |(first, second): &(u64, Option<u64>)| {
            let second = second.map(|second| (1, INT, second));
            [(0, INT, *first)].into_iter().chain(second).collect::<Vec<_>>()
        };
        let lists: Vec<Vec<_>> = pairs.iter().map(list).collect();
        let slices: Vec<&[(u64, u64, u64)]> = lists.iter().map(Vec::as_slice).collect();
        let kill = profile(DefaultAction::KillProcess, &[("getppid", when(&slices))]);
        let program = bpf(&kill.with_otherwise(Some(EPERM)).expect("few values")).expect("a program");
        let holds = |(first, second): &(u64, Option<u64>)| {
            arguments.0 & INT == *first && second.is_none_or(|second| arguments.1 & INT == second)
        };
        let expected =
            if pairs.iter().any(holds) { Outcome::Worked } else { Outcome::Errno(libc::EPERM) };
        let call = [u64::from(nr("getppid").get()), arguments.0, arguments.1, 0, 0, 0, 0];
        prop_assert_eq!(under(&program, Entry::Native, call), expected);
    }

    /// Check that the kernel decides as the conditions read, for any conditions and arguments. `getppid` takes
    /// no arguments, so it works with all of them.
    #[test]
    fn the_kernel_decides_as_the_conditions_read(
        lists in prop::collection::vec(prop::collection::btree_map(0..6u64, masked(), 1..4), 1..4),
        arguments in prop::array::uniform6(prop_oneof![0..8u64, Just(INT + 3), any::<u64>()]),
    ) {
        let lists: Vec<Vec<_>> = lists
            .iter()
            .map(|list| list.iter().map(|(index, (_, mask, value))| (*index, *mask, *value)).collect())
            .collect();
        let slices: Vec<&[(u64, u64, u64)]> = lists.iter().map(Vec::as_slice).collect();
        let program = program(DefaultAction::Errno(EPERM), &[("getppid", when(&slices))]);
        let argument = |index: u64| arguments[usize::try_from(index).expect("small")];
        let holds = |list: &Vec<(u64, u64, u64)>| {
            list.iter().all(|(index, mask, value)| argument(*index) & mask == *value)
        };
        let expected =
            if lists.iter().any(holds) { Outcome::Worked } else { Outcome::Errno(libc::EPERM) };
        let mut call = [u64::from(nr("getppid").get()); 7];
        call[1..].copy_from_slice(&arguments);
        prop_assert_eq!(under(&program, Entry::Native, call), expected);
    }
}
