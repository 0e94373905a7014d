//! Rules in the specification's words.

use super::{ArgFile, SyscallFile};
use crate::emit::{EmitError, Engine, Logging};
use crate::model::SyscallNr;
use crate::policy::{Condition, Conjunction, DefaultAction, EPERM, Errno, Profile, Rule, Verdict};
use crate::syscalls;

/// The highest call that libseccomp 2.5.4 knows as it was released (Debian's build of it ends at 456).
///
/// runc puts a stub in front of the filter that answers `ENOSYS` to every number above the highest that the
/// profile names (`libcontainer/seccomp/patchbpf/enosys_linux.go`, `findLastSyscalls`), whatever the default
/// action is. Naming this one with the default action adds no rule (`matchCall` skips it) and moves the stub
/// above every call that all of them know, so that a refused call looks refused. Newer ones stay `ENOSYS`:
/// refused as well, in the way in which a libc expects it of a call that is new.
pub const TOP_SYSCALL: &str = "set_mempolicy_home_node";

/// The specification's name of a default action.
pub(in crate::emit) const fn action(default: DefaultAction) -> &'static str {
    match default {
        DefaultAction::Errno(_) => "SCMP_ACT_ERRNO",
        DefaultAction::KillProcess => "SCMP_ACT_KILL_PROCESS",
        DefaultAction::Log => "SCMP_ACT_LOG",
    }
}

/// The error that goes with a default action.
pub(in crate::emit) fn errno_ret(default: DefaultAction) -> Option<u32> {
    match default {
        DefaultAction::Errno(errno) => Some(errno.get().into()),
        DefaultAction::KillProcess | DefaultAction::Log => None,
    }
}

/// The filter flags, if the runtime takes any.
pub(in crate::emit) fn flags(engine: Engine, logging: Logging) -> Result<Vec<String>, EmitError> {
    match logging {
        Logging::Kernel => Ok(Vec::new()),
        Logging::Denials if engine.takes_flags() => Ok(vec!["SECCOMP_FILTER_FLAG_LOG".to_owned()]),
        Logging::Denials => Err(EmitError::Flags { engine: engine.to_string() }),
    }
}

/// Every rule: one entry for all names that are always allowed, one for each alternative of each other name and one
/// for each of what they leave over if that fails in a way of its own, one for each error, and the top call.
pub(in crate::emit) fn syscalls(
    format: &'static str,
    profile: &Profile,
) -> Result<Vec<SyscallFile>, EmitError> {
    let mut always = Vec::new();
    let mut others = Vec::new();
    for (nr, rule) in profile.rules() {
        let name = named(format, profile, *nr, rule)?;
        match rule.verdict() {
            Verdict::Allow(Condition::Always) => always.push(name),
            Verdict::Allow(Condition::When(any)) => {
                others.extend(any.iter().map(|one| conditional(&name, one)));
                let (errno, rest) = profile.others(any).unwrap_or((EPERM, Vec::new()));
                others.extend(
                    rest.iter().map(|one| SyscallFile {
                        args: conditional(&name, one).args,
                        ..refused(&name, errno)
                    }),
                );
            }
            Verdict::Errno(errno) => others.push(refused(&name, *errno)),
        }
    }
    always.sort_unstable();
    // Sorting is stable, so the alternatives of a name stay in their order.
    others.sort_by(|left, right| left.names.cmp(&right.names));
    let allowed = (!always.is_empty()).then(|| allow(always));
    Ok(allowed.into_iter().chain(others).chain(top(profile)).collect())
}

fn named(format: &'static str, profile: &Profile, nr: SyscallNr, rule: &Rule) -> Result<String, EmitError> {
    syscalls::name(profile.arch(), nr).map(str::to_owned).ok_or_else(|| EmitError::Rule {
        format,
        syscall: syscalls::display_name(profile.arch(), nr),
        rule: rule.verdict().to_string(),
        way_out: "it goes by name and this number has none yet; use --to bpf, or upgrade seccinch",
    })
}

fn allow(names: Vec<String>) -> SyscallFile {
    SyscallFile { names, action: "SCMP_ACT_ALLOW".to_owned(), ..SyscallFile::default() }
}

fn conditional(name: &str, conjunction: &Conjunction) -> SyscallFile {
    let args = conjunction.iter().map(|(index, masked)| {
        let index = index.get().into();
        match masked.mask() {
            u64::MAX => arg(index, "SCMP_CMP_EQ", masked.value(), None),
            mask => arg(index, "SCMP_CMP_MASKED_EQ", mask, Some(masked.value())),
        }
    });
    SyscallFile { args: Some(args.collect()), ..allow(vec![name.to_owned()]) }
}

fn arg(index: u64, op: &str, value: u64, value_two: Option<u64>) -> ArgFile {
    ArgFile { index, value, value_two, op: op.to_owned() }
}

fn refused(name: &str, errno: Errno) -> SyscallFile {
    SyscallFile {
        names: vec![name.to_owned()],
        action: "SCMP_ACT_ERRNO".to_owned(),
        errno_ret: Some(errno.get().into()),
        ..SyscallFile::default()
    }
}

/// The top call with the default action; nothing where the profile has a rule for it, or lets everything run
/// (runc then has no stub).
fn top(profile: &Profile) -> Option<SyscallFile> {
    let nr = syscalls::number(profile.arch(), TOP_SYSCALL)?;
    let default = profile.default_action();
    if default == DefaultAction::Log || profile.rules().contains_key(&nr) {
        return None;
    }
    Some(SyscallFile {
        names: vec![TOP_SYSCALL.to_owned()],
        action: action(default).to_owned(),
        errno_ret: errno_ret(default),
        ..SyscallFile::default()
    })
}
