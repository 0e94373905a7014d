//! From argument values to conditions, for the calls where a register's value alone decides.
//!
//! A pointer's target is never compared (it can change after the filter looked), and a value is compared
//! in the width that the kernel takes: an `int` argument ignores the upper half of its register
//! (`SYSCALL_DEFINE` in include/linux/syscalls.h casts it), so a filter has to ignore it too.

use std::collections::BTreeSet;

use super::{Alternatives, ArgIndex, ConditionError, Conjunction, Masked};
use crate::model::ArgumentValues;

/// Which calls are narrowed by their arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowing(BTreeSet<&'static str>);

/// A call that can't be narrowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` can't be narrowed by its arguments: those that can are {}", narrowable())]
pub struct NarrowingError {
    /// What was asked for.
    pub name: String,
}

/// Why values give no condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unnarrowed {
    /// The recording has no values.
    NoValues,
    /// A value was seen that the condition would refuse.
    Seen(&'static str),
}

/// The kernel's `int` and `unsigned int`.
const INT: u64 = 0xffff_ffff;
/// The kernel's `long` and `unsigned long`.
const LONG: u64 = u64::MAX;
/// Every `CLONE_NEW…` flag of clone(2) (`include/uapi/linux/sched.h`; `CLONE_NEWTIME` is clone3's alone).
pub(super) const CLONE_NEW: u64 = 0x7e02_0000;
/// IPv4 of socket(2) (`include/linux/socket.h`).
const AF_INET: u64 = 2;
/// IPv6, likewise.
const AF_INET6: u64 = 10;
/// `PROT_EXEC` of mmap(2).
const PROT_EXEC: u64 = 4;

/// How a call's values become a condition. A field is (its place among the watched values, its position in
/// the call, its width).
enum Shape {
    /// Those values and no others.
    Values(&'static [(usize, u64, u64)]),
    /// The address families that were seen, and IPv6 with IPv4: which of them a name leads to is decided by
    /// other people's name servers.
    Families,
    /// None of these bits in the first argument named, as long as none was seen.
    Without { index: u64, bits: u64, what: &'static str },
}

const SHAPES: &[(&str, Shape)] = &[
    ("bpf", Shape::Values(&[(0, 0, INT)])),
    ("clone", Shape::Without { index: 0, bits: CLONE_NEW, what: "a new namespace" }),
    ("fcntl", Shape::Values(&[(0, 1, INT)])),
    ("ioctl", Shape::Values(&[(0, 1, INT)])),
    ("mmap", Shape::Without { index: 2, bits: PROT_EXEC, what: "executable memory" }),
    ("mprotect", Shape::Without { index: 2, bits: PROT_EXEC, what: "executable memory" }),
    ("personality", Shape::Values(&[(0, 0, INT)])),
    ("prctl", Shape::Values(&[(0, 0, INT)])),
    ("ptrace", Shape::Values(&[(0, 0, LONG)])),
    ("setns", Shape::Values(&[(0, 1, INT)])),
    ("setsockopt", Shape::Values(&[(0, 1, INT), (1, 2, INT)])),
    // The domain alone: the type carries SOCK_CLOEXEC and SOCK_NONBLOCK, which decide nothing.
    ("socket", Shape::Families),
    ("socketpair", Shape::Values(&[(0, 0, INT)])),
    ("unshare", Shape::Values(&[(0, 0, LONG)])),
];

/// Those whose values hardly change from run to run, and matter most.
const STANDARD: [&str; 3] = ["clone", "personality", "socket"];

impl Narrowing {
    /// No call.
    pub const fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// `socket` by domain, `clone` to no new namespaces, `personality` by value.
    pub fn standard() -> Self {
        Self(BTreeSet::from(STANDARD))
    }

    /// These calls too.
    pub fn with<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Result<Self, NarrowingError> {
        for name in names {
            let known = SHAPES.iter().find(|(known, _)| *known == name);
            let (known, _) = known.ok_or_else(|| NarrowingError { name: name.to_owned() })?;
            self.0.insert(known);
        }
        Ok(self)
    }

    /// All but this one.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// Whether a call is narrowed.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// Every call that can be narrowed, for messages and help.
fn narrowable() -> String {
    let names: Vec<&str> = SHAPES.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

/// `clone` without new namespaces: what every Go program and libc does to start a thread or a process.
pub(super) fn clone_without_namespaces() -> Result<Alternatives, ConditionError> {
    without(0, CLONE_NEW)
}

/// The condition that allows what was seen of this call.
pub(super) fn condition(
    name: &str,
    values: &ArgumentValues,
) -> Result<Result<Alternatives, Unnarrowed>, ConditionError> {
    let shape = SHAPES.iter().find(|(known, _)| *known == name).map(|(_, shape)| shape);
    let Some(shape) = shape.filter(|_| !values.is_empty()) else {
        return Ok(Err(Unnarrowed::NoValues));
    };
    match shape {
        Shape::Without { bits, what, .. } if values.keys().flatten().any(|value| value & bits != 0) => {
            Ok(Err(Unnarrowed::Seen(what)))
        }
        Shape::Without { index, bits, .. } => without(*index, *bits).map(Ok),
        Shape::Values(fields) => equal_to(fields, values).map(Ok),
        Shape::Families => families(values).map(Ok),
    }
}

fn families(values: &ArgumentValues) -> Result<Alternatives, ConditionError> {
    let seen = values.keys().filter_map(|combination| combination.first());
    let mut families: BTreeSet<u64> = seen.map(|family| family & INT).collect();
    if families.contains(&AF_INET) || families.contains(&AF_INET6) {
        families.extend([AF_INET, AF_INET6]);
    }
    let family = |family| Conjunction::new(vec![(ArgIndex::new(0)?, Masked::new(INT, family)?)]);
    Alternatives::new(families.into_iter().map(family).collect::<Result<Vec<_>, _>>()?)
}

fn without(index: u64, bits: u64) -> Result<Alternatives, ConditionError> {
    Ok(Alternatives::of(Conjunction::of(ArgIndex::new(index)?, Masked::new(bits, 0)?)))
}

fn equal_to(fields: &[(usize, u64, u64)], values: &ArgumentValues) -> Result<Alternatives, ConditionError> {
    let conjunction = |combination: &Vec<u64>| {
        let conditions = fields.iter().map(|&(place, index, width)| {
            let value = combination.get(place).copied().unwrap_or_default();
            Ok((ArgIndex::new(index)?, Masked::new(width, value & width)?))
        });
        Conjunction::new(conditions.collect::<Result<Vec<_>, ConditionError>>()?)
    };
    Alternatives::new(values.keys().map(conjunction).collect::<Result<Vec<_>, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Arch;
    use crate::syscalls::{number, watched_by_name};

    fn text(name: &str, values: &[&[u64]]) -> String {
        let values = values.iter().map(|values| (values.to_vec(), 1)).collect();
        match condition(name, &values).unwrap() {
            Ok(alternatives) => super::super::Condition::When(alternatives).to_string(),
            Err(why) => format!("{why:?}"),
        }
    }

    /// Check the condition that each kind of value becomes.
    #[test]
    fn values_become_conditions() {
        let cases: &[(&str, &[&[u64]], &str)] = &[
            ("socket", &[&[10, 1, 6], &[2, 0x80002, 0], &[2, 1, 6]], "when arg0 == 2, or arg0 == 10"),
            ("socket", &[&[0xffff_ffff_0000_0002, 1, 6]], "when arg0 == 2, or arg0 == 10"),
            ("socket", &[&[1, 1, 0]], "when arg0 == 1"),
            ("clone", &[&[0xd0f00], &[17]], "when arg0 & 0x7e020000 == 0x0"),
            ("clone", &[&[0xd0f00], &[0x1000_0000]], "Seen(\"a new namespace\")"),
            ("setsockopt", &[&[1, 2], &[6, 1]], "when arg1 == 1 and arg2 == 2, or arg1 == 6 and arg2 == 1"),
            ("ioctl", &[&[0x5401]], "when arg1 == 21505"),
            ("mmap", &[&[3], &[0]], "when arg2 & 0x4 == 0x0"),
            ("mprotect", &[&[5]], "Seen(\"executable memory\")"),
            ("personality", &[], "NoValues"),
        ];
        for (name, values, expected) in cases {
            assert_eq!(text(name, values), *expected, "{name} {values:?}");
        }
    }

    /// Check that the table follows the watched arguments, on both architectures.
    #[test]
    fn the_table_follows_what_is_watched() {
        for (name, shape) in SHAPES {
            let watched = watched_by_name(name).expect(name);
            assert!(Arch::ALL.into_iter().all(|arch| number(arch, name).is_some()), "{name}");
            match shape {
                Shape::Without { index, .. } => assert_eq!(u64::from(watched.arguments[0]), *index, "{name}"),
                Shape::Families => assert_eq!(watched.arguments[0], 0, "{name}"),
                Shape::Values(fields) => {
                    for (place, index, _) in *fields {
                        assert_eq!(u64::from(watched.arguments[*place]), *index, "{name}");
                    }
                }
            }
        }
    }

    /// Check that what can't be narrowed is refused by name.
    #[test]
    fn other_calls_are_refused() {
        let error = Narrowing::standard().with(["ioctl", "openat"]).unwrap_err().to_string();
        assert!(
            error.starts_with("`openat` can't be narrowed by its arguments: those that can are bpf, clone,"),
            "{error}"
        );
    }
}
