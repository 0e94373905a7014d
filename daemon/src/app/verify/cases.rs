//! Every call that a filter is asked about because of its number, and what a profile says of it.

use crate::model::{Arch, MAX_SYSCALLS, SyscallNr};
use crate::policy::{Condition, Conjunction, Outcome, Profile, Verdict};
use crate::sys::{Call, Entry};
use crate::syscalls::{display_name, number};

/// Numbers behind every table, which no rule can name.
const BEYOND: [u32; 4] = [512, 600, 999, 0x3fff_ffff];
/// What makes a number one of the x32 ABI (`__X32_SYSCALL_BIT`).
#[cfg(target_arch = "x86_64")]
pub(super) const X32: u32 = 0x4000_0000;

/// One call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) call: Call,
    pub(super) kind: Kind,
}

/// Which table its number is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Native(SyscallNr),
    Beyond,
    OtherAbi,
}

/// A call that is answered otherwise than a profile says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) call: String,
    pub(super) expected: Outcome,
    pub(super) actual: Outcome,
    pub(super) way: Way,
}

/// In which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// The profile refuses it, and it is made.
    Looser,
    /// The profile allows it, and it is refused.
    Stricter,
    /// It is refused, but in another way.
    Otherwise,
}

/// Calls that the kernel makes past every filter, because it puts them into programs itself (`kernel/seccomp.c`,
/// `seccomp_uprobe_exception`, Linux 6.14). They end a process that makes them by itself.
const UNFILTERED: [&str; 2] = ["uprobe", "uretprobe"];

/// Every number, and where a profile has conditions, arguments on both sides of each.
pub(super) fn cases(profile: Option<&Profile>) -> Vec<Case> {
    let mut cases = Vec::new();
    let unfiltered = UNFILTERED.map(|name| number(Arch::NATIVE, name));
    for nr in (0..MAX_SYSCALLS).filter_map(SyscallNr::new).filter(|nr| !unfiltered.contains(&Some(*nr))) {
        let rule = profile.and_then(|profile| profile.rules().get(&nr)).map(crate::policy::Rule::verdict);
        let mut arguments = vec![harmless(nr)];
        if let Some(Verdict::Allow(Condition::When(any))) = rule {
            arguments.extend(any.iter().flat_map(either_side));
        }
        cases.extend(
            arguments.into_iter().map(|arguments| native(nr.get().into(), arguments, Kind::Native(nr))),
        );
    }
    cases.extend(BEYOND.map(|number| native(number, [0; 6], Kind::Beyond)));
    cases.extend(other_abis());
    cases
}

/// An argument of `seccomp(2)` by which it would be the guard's own call (see [`crate::sys::ask`]) is left out.
fn harmless(nr: SyscallNr) -> [u64; 6] {
    let is_seccomp = number(Arch::NATIVE, "seccomp") == Some(nr);
    if is_seccomp { [u64::MAX, 0, 0, 0, 0, 0] } else { [0; 6] }
}

fn native(number: u32, arguments: [u64; 6], kind: Kind) -> Case {
    Case { call: Call { entry: Entry::Native, number, arguments }, kind }
}

/// Arguments that meet a condition, also with every bit set that it does not look at; and for each comparison some
/// that miss it by one bit.
fn either_side(condition: &Conjunction) -> Vec<[u64; 6]> {
    let (mut least, mut most) = ([0; 6], [0; 6]);
    for (index, masked) in condition.iter() {
        least[usize::from(index.get())] = masked.value();
        most[usize::from(index.get())] = masked.value() | !masked.mask();
    }
    let missed = condition.iter().map(|(index, masked)| {
        let mut arguments = least;
        arguments[usize::from(index.get())] ^= 1 << masked.mask().trailing_zeros();
        arguments
    });
    [least, most].into_iter().chain(missed).collect()
}

#[cfg(target_arch = "x86_64")]
fn other_abis() -> Vec<Case> {
    let case = |entry, number| Case { call: Call { entry, number, arguments: [0; 6] }, kind: Kind::OtherAbi };
    let x32 = [0, 1, 39, 59, 520, 547].map(|number| case(Entry::Native, number | X32));
    let int80 = [1, 3, 5, 11, 20, 358].map(|number| case(Entry::Int80, number));
    x32.into_iter().chain(int80).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn other_abis() -> Vec<Case> {
    Vec::new()
}

/// What the profile says of a call. One by another ABI kills, whatever the default action is.
fn expected(profile: &Profile, case: &Case) -> Outcome {
    match case.kind {
        Kind::Native(nr) => profile.outcome(nr, &case.call.arguments),
        Kind::Beyond => profile.default_action().into(),
        Kind::OtherAbi => Outcome::Killed,
    }
}

/// Where the filter is not what the profile says. What is refused in another way counts only where the filter is
/// compiled from the profile: a runtime answers `ENOSYS` to calls that are newer than it.
pub(super) fn differences(
    profile: &Profile,
    cases: &[Case],
    outcomes: &[Outcome],
    is_exact: bool,
) -> Vec<Difference> {
    let difference = |(case, actual): (&Case, &Outcome)| {
        let expected = expected(profile, case);
        let way = match (expected, *actual) {
            (expected, actual) if expected == actual => return None,
            (_, Outcome::Made) => Way::Looser,
            (Outcome::Made, _) => Way::Stricter,
            _ => Way::Otherwise,
        };
        let counts = is_exact || way != Way::Otherwise;
        counts.then(|| Difference { call: name(case), expected, actual: *actual, way })
    };
    cases.iter().zip(outcomes).filter_map(difference).collect()
}

/// The native calls that are made with some arguments.
pub(super) fn made(cases: &[Case], outcomes: &[Outcome]) -> Vec<String> {
    let made = cases.iter().zip(outcomes).filter(|(_, outcome)| **outcome == Outcome::Made);
    let mut names: Vec<String> = made
        .filter_map(|(case, _)| match case.kind {
            Kind::Native(nr) => Some(display_name(Arch::NATIVE, nr)),
            Kind::Beyond | Kind::OtherAbi => None,
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn name(case: &Case) -> String {
    let Call { number, arguments, .. } = case.call;
    match case.kind {
        Kind::Native(nr) if arguments == [0; 6] => display_name(Arch::NATIVE, nr),
        Kind::Native(nr) => {
            let shown = arguments.iter().rposition(|argument| *argument != 0).unwrap_or_default();
            let arguments: Vec<_> =
                arguments[..=shown].iter().map(|argument| format!("{argument:#x}")).collect();
            format!("{}({})", display_name(Arch::NATIVE, nr), arguments.join(", "))
        }
        Kind::Beyond => format!("number {number}"),
        Kind::OtherAbi => format!("number {number:#x} by another ABI"),
    }
}
