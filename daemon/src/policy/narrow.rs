//! From argument values to conditions, for the calls where a register's value alone decides.
//!
//! A pointer's target is never compared (it can change after the filter looked), and a value is compared
//! in the width that the kernel takes: an `int` argument ignores the upper half of its register
//! (`SYSCALL_DEFINE` in include/linux/syscalls.h casts it), so a filter has to ignore it too.

use std::collections::{BTreeMap, BTreeSet};

use super::{Alternatives, ArgIndex, Bits, ConditionError, Conjunction, Masked};
use crate::model::ArgumentValues;
use crate::syscalls::watched_by_name;

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

    /// `clone` too.
    #[must_use]
    pub(super) fn with_clone(mut self) -> Self {
        self.0.insert("clone");
        self
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

/// What rules leave of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Left {
    /// It is allowed with these arguments.
    When(Alternatives),
    /// Every value that was seen is one that a rule excludes.
    Nothing,
    /// Nothing can be kept out, and why.
    All(&'static str),
}

/// The condition that allows what was seen of this call, without the bits that rules exclude. `values` is
/// nothing where they are not known: then only those bits are refused.
pub(super) fn limited(
    name: &str,
    values: Option<&ArgumentValues>,
    excluded: &[Bits],
) -> Result<Left, ConditionError> {
    let known = values.filter(|values| !values.is_empty());
    let lists = match known {
        None if excluded.is_empty() => return Ok(Left::All("its values are not known")),
        None => vec![BTreeMap::new()],
        Some(values) => {
            let kept =
                values.iter().filter(|(values, _)| !excluded.iter().any(|bits| has(name, values, *bits)));
            lists(name, &kept.map(|(values, count)| (values.clone(), *count)).collect())?
        }
    };
    if excluded.is_empty() && lists.iter().any(BTreeMap::is_empty) {
        return Ok(Left::All("everything that could be kept out was seen"));
    }
    let mut conjunctions = Vec::new();
    for list in lists {
        conjunctions.extend(excluding(list, excluded)?.map(Conjunction::new).transpose()?);
    }
    if conjunctions.is_empty() { Ok(Left::Nothing) } else { Ok(Left::When(Alternatives::new(conjunctions)?)) }
}

/// Whether learned values have any of these bits in that argument.
fn has(name: &str, values: &[u64], bits: Bits) -> bool {
    let watched = watched_by_name(name).map(|watched| watched.arguments).unwrap_or_default();
    let place = watched.iter().position(|index| *index == bits.index.get());
    place.and_then(|place| values.get(place)).is_some_and(|value| value & bits.mask != 0)
}

/// Lists of conditions of which one holds for each of these values. An empty list holds always.
fn lists(name: &str, values: &ArgumentValues) -> Result<Vec<BTreeMap<ArgIndex, Masked>>, ConditionError> {
    let shape = SHAPES.iter().find(|(known, _)| *known == name).map(|(_, shape)| shape);
    let alternatives = match shape.filter(|_| !values.is_empty()) {
        None => return Ok(Vec::new()),
        Some(Shape::Values(fields)) => equal_to(fields, values)?,
        Some(Shape::Families) => families(values)?,
        Some(Shape::Without { index, bits, .. }) => {
            let seen = values.keys().filter_map(|values| values.first()).fold(0, |seen, value| seen | value);
            match bits & !seen {
                0 => return Ok(vec![BTreeMap::new()]),
                unseen => without(*index, unseen)?,
            }
        }
    };
    Ok(alternatives.iter().map(|one| one.iter().collect()).collect())
}

/// A list of conditions with those bits excluded too; nothing if it could hold for them only.
fn excluding(
    mut list: BTreeMap<ArgIndex, Masked>,
    excluded: &[Bits],
) -> Result<Option<BTreeMap<ArgIndex, Masked>>, ConditionError> {
    for bits in excluded {
        let (mask, value) = list.get(&bits.index).map_or((0, 0), |masked| (masked.mask(), masked.value()));
        if value & bits.mask != 0 {
            return Ok(None);
        }
        list.insert(bits.index, Masked::new(mask | bits.mask, value)?);
    }
    Ok(Some(list))
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
    use crate::syscalls::number;

    /// `CLONE_NEWUSER`.
    const USER: &[(u64, u64)] = &[(0, 0x1000_0000)];

    /// A call, the values seen, the bits excluded, and what is left.
    type Case = (&'static str, Option<&'static [&'static [u64]]>, &'static [(u64, u64)], &'static str);

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

    /// Check that whatever is learned can be narrowed, which rules count on.
    #[test]
    fn everything_that_is_watched_has_a_shape() {
        let watched: Vec<_> =
            crate::syscalls::watched(Arch::X86_64).map(|(_, watched)| watched.name).collect();
        let mut shapes: Vec<_> = SHAPES.iter().map(|(name, _)| *name).collect();
        shapes.sort_by_key(|name| number(Arch::X86_64, name));
        let mut watched_by_number = watched;
        watched_by_number.sort_by_key(|name| number(Arch::X86_64, name));
        assert_eq!(shapes, watched_by_number);
    }

    /// Check what rules leave of each kind of call.
    #[test]
    fn rules_limit_arguments() {
        let text = |name: &str, values: Option<&[&[u64]]>, excluded: &[(u64, u64)]| {
            let values = values.map(|all| all.iter().map(|values| (values.to_vec(), 1)).collect());
            let bits =
                |(index, mask): &(u64, u64)| Bits { index: ArgIndex::new(*index).unwrap(), mask: *mask };
            let excluded: Vec<_> = excluded.iter().map(bits).collect();
            match limited(name, values.as_ref(), &excluded).unwrap() {
                Left::When(any) => super::super::Condition::When(any).to_string(),
                left => format!("{left:?}"),
            }
        };
        let cases: &[Case] = &[
            ("ioctl", Some(&[&[21505]]), &[], "when arg1 == 21505"),
            ("ioctl", Some(&[]), &[], "All(\"its values are not known\")"),
            ("ioctl", None, &[], "All(\"its values are not known\")"),
            ("ioctl", None, &[(1, 1)], "when arg1 & 0x1 == 0x0"),
            ("ioctl", Some(&[&[6], &[5]]), &[(1, 1)], "when arg1 == 6"),
            ("ioctl", Some(&[&[5]]), &[(1, 1)], "Nothing"),
            ("clone", Some(&[&[0xd0f00]]), USER, "when arg0 & 0x7e020000 == 0x0"),
            ("clone", Some(&[&[0x1000_0011], &[17]]), USER, "when arg0 & 0x7e020000 == 0x0"),
            ("clone", Some(&[&[0x1000_0011]]), USER, "Nothing"),
            // A new network is seen and stays; a new user is seen and goes.
            ("clone", Some(&[&[0x5000_0011], &[0x4000_0011]]), USER, "when arg0 & 0x3e020000 == 0x0"),
            ("clone", Some(&[&[0x7e02_0011]]), &[], "All(\"everything that could be kept out was seen\")"),
            ("clone", Some(&[&[0x4000_0011]]), &[], "when arg0 & 0x3e020000 == 0x0"),
            ("mmap", Some(&[&[7]]), &[(2, 4)], "Nothing"),
            (
                "socket",
                Some(&[&[2, 1, 6], &[2, 3, 1]]),
                &[(1, 2)],
                "when arg0 == 2 and arg1 & 0x2 == 0x0, \
              or arg0 == 10 and arg1 & 0x2 == 0x0",
            ),
            ("socket", Some(&[&[2, 1, 6]]), &[(0, 8)], "when arg0 == 2"),
        ];
        for (name, values, excluded, expected) in cases {
            assert_eq!(text(name, *values, excluded), *expected, "{name} {values:?} {excluded:?}");
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
