//! The three argument rules that systemd has settings for.

use super::inexpressible;
use crate::emit::EmitError;
use crate::model::Arch;
use crate::policy::{Alternatives, Condition, Profile, Verdict};
use crate::syscalls;

/// Every `CLONE_NEW…` flag of clone(2).
const CLONE_NEW: u64 = 0x7e02_0000;

/// The address families that a program may name, from `linux/socket.h` (Linux 6.12).
const FAMILIES: [(u64, &str); 14] = [
    (1, "AF_UNIX"),
    (2, "AF_INET"),
    (10, "AF_INET6"),
    (15, "AF_KEY"),
    (16, "AF_NETLINK"),
    (17, "AF_PACKET"),
    (29, "AF_CAN"),
    (30, "AF_TIPC"),
    (31, "AF_BLUETOOTH"),
    (38, "AF_ALG"),
    (40, "AF_VSOCK"),
    (42, "AF_QIPCRTR"),
    (43, "AF_SMC"),
    (44, "AF_XDP"),
];

/// The setting that says what a conditional rule says, or an error that names the rule.
pub(super) fn setting(
    profile: &Profile,
    name: &str,
    any: &Alternatives,
    verdict: &Verdict,
) -> Result<String, EmitError> {
    match name {
        "socket" => families(any).ok_or_else(|| {
            inexpressible(name, verdict, "RestrictAddressFamilies= takes known domains only; build it with --no-arguments")
        }),
        "clone" => namespaces(profile, any).ok_or_else(|| {
            inexpressible(
                name,
                verdict,
                "RestrictNamespaces= says it only where unshare, setns and clone3 are refused too; build it with \
                 --no-arguments",
            )
        }),
        "personality" => personality(any).ok_or_else(|| {
            inexpressible(name, verdict, "LockPersonality= allows persona 0 alone; build it with --no-arguments")
        }),
        _ => Err(inexpressible(name, verdict, "there is no setting for its arguments; build it without --narrow")),
    }
}

/// The only values of the first argument, compared whole or as an `int`.
fn values(any: &Alternatives) -> Option<Vec<u64>> {
    let value = |conjunction: &crate::policy::Conjunction| match conjunction.iter().collect::<Vec<_>>()[..] {
        [(index, masked)] if index.get() == 0 && [0xffff_ffff, u64::MAX].contains(&masked.mask()) => {
            Some(masked.value())
        }
        _ => None,
    };
    any.iter().map(value).collect()
}

/// Refused families get `EAFNOSUPPORT`, not the profile's error.
fn families(any: &Alternatives) -> Option<String> {
    let family = |value: u64| FAMILIES.iter().find(|(number, _)| *number == value).map(|(_, name)| *name);
    let names: Vec<&str> = values(any)?.into_iter().map(family).collect::<Option<_>>()?;
    Some(format!("RestrictAddressFamilies=\nRestrictAddressFamilies={}", names.join(" ")))
}

/// The setting holds unshare and setns too, and refuses clone3 with `ENOSYS` (systemd,
/// src/shared/seccomp-util.c, `seccomp_restrict_namespaces`): only right if the profile allows none of them.
fn namespaces(profile: &Profile, any: &Alternatives) -> Option<String> {
    let mut conjunctions = any.iter();
    let conditions: Vec<_> = conjunctions.next()?.iter().collect();
    let alone = conjunctions.next().is_none() && conditions.len() == 1;
    let (index, masked) = *conditions.first()?;
    let is_clone_rule = index.get() == 0 && masked.mask() == CLONE_NEW && masked.value() == 0;
    let free = ["unshare", "setns", "clone3"].into_iter().all(|name| !allows(profile, name));
    (alone && is_clone_rule && free).then(|| "RestrictNamespaces=yes".to_owned())
}

fn allows(profile: &Profile, name: &str) -> bool {
    let arch: Arch = profile.arch();
    let rule = syscalls::number(arch, name).and_then(|nr| profile.rules().get(&nr));
    rule.is_some_and(|rule| matches!(rule.verdict(), Verdict::Allow(Condition::Always | Condition::When(_))))
}

/// It refuses every other persona, asking for the present one (`0xffffffff`) included.
fn personality(any: &Alternatives) -> Option<String> {
    (values(any)? == [0]).then(|| "LockPersonality=yes".to_owned())
}
