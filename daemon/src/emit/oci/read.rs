//! OCI and Docker profiles of others, as far as they are allow-lists.
//!
//! Docker's conditional rules are read for a container without added capabilities. What a profile of ours
//! can't hold is an error; what a runtime would silently read otherwise than it looks is a [`Remark`].

use std::collections::{BTreeMap, BTreeSet};

use libseccomp::ScmpSyscall;

use super::compare::alternatives;
use super::format::FilterFile;
use super::{LinuxSeccomp, SyscallFile, arch_name};
use crate::files::locate;
use crate::model::{Arch, SyscallNr};
use crate::policy::{
    Condition, Conjunction, DefaultAction, EPERM, Errno, Profile, ProfileError, Reason, Rule, Verdict,
};
use crate::syscalls::{self, UnknownSyscall};

/// A profile of others, and what is odd about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// What it allows on one architecture.
    pub profile: Profile,
    /// What a runtime reads otherwise than it looks, in a fixed order.
    pub remarks: BTreeSet<Remark>,
}

/// Something in a profile of others that does not work as it looks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remark {
    /// No known architecture has this name; runtimes ignore it in silence.
    UnknownName {
        /// The name.
        name: String,
        /// The known name that is most like it.
        nearest: Option<&'static str>,
    },
    /// Other tables than the native one are opened too, with names that were learned on the native one.
    SubArchitectures(Vec<String>),
    /// The condition has no effect beside the rule without one.
    ConditionalAndUnconditional(String),
}

/// Why bytes are no profile that can be read.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// Not of the specification's shape. The source has line and column.
    #[error("not an OCI or Docker seccomp profile")]
    Invalid(#[source] serde_json::Error),
    /// It lists what is refused, or asks someone else.
    #[error("its default action is `{0}`: only allow-lists can be read (SCMP_ACT_ERRNO, _KILL, _LOG)")]
    DefaultAction(String),
    /// A rule that a profile of ours can't hold.
    #[error("its rule for `{name}` (line {line}) can't be read: {problem}")]
    Rule {
        /// The call.
        name: String,
        /// The line where it first stands.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The rules are no profile.
    #[error("not a usable profile")]
    Profile(#[source] ProfileError),
}

/// Reads an OCI or Docker profile for the preferred architecture, or for the one that it lists instead. `from`
/// names it in the reasons.
pub fn parse(bytes: &[u8], preferred: Arch, from: &str) -> Result<Imported, OciError> {
    let file: LinuxSeccomp = serde_json::from_slice(bytes).map_err(OciError::Invalid)?;
    let arch = architecture(&file, preferred);
    let default = default_action(&file)?;
    let (rules, others) = (BTreeMap::new(), BTreeMap::new());
    let mut reader = Reader { arch, from, bytes, rules, others, remarks: BTreeSet::new() };
    reader.remarks.extend(sub_architectures(&file, arch));
    for syscall in file.syscalls.iter().filter(|syscall| applies(syscall, arch)) {
        for name in &syscall.names {
            reader.rule(name, syscall, default)?;
        }
    }
    let otherwise = reader.otherwise()?;
    let profile = Profile::new(arch, default, reader.rules).map_err(OciError::Profile)?;
    let profile = profile.with_otherwise(otherwise).map_err(OciError::Profile)?;
    Ok(Imported { profile, remarks: reader.remarks })
}

fn default_action(file: &LinuxSeccomp) -> Result<DefaultAction, OciError> {
    match file.default_action.as_str() {
        "SCMP_ACT_ERRNO" => Ok(DefaultAction::Errno(errno(file.default_errno_ret))),
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" | "SCMP_ACT_KILL_PROCESS" => Ok(DefaultAction::KillProcess),
        "SCMP_ACT_LOG" => Ok(DefaultAction::Log),
        other => Err(OciError::DefaultAction(other.to_owned())),
    }
}

fn architecture(file: &LinuxSeccomp, preferred: Arch) -> Arch {
    let mapped = file.arch_map.iter().flatten().map(|map| &map.architecture);
    let listed: Vec<&String> = file.architectures.iter().flatten().chain(mapped).collect();
    let lists = |arch: &Arch| listed.iter().any(|name| *name == arch_name(*arch));
    if lists(&preferred) { preferred } else { Arch::ALL.into_iter().find(lists).unwrap_or(preferred) }
}

/// Runtimes return `EPERM` where no error is named.
fn errno(number: Option<u32>) -> Errno {
    number.and_then(|number| Errno::new(u16::try_from(number).ok()?)).unwrap_or(EPERM)
}

fn sub_architectures(file: &LinuxSeccomp, arch: Arch) -> Option<Remark> {
    let native = arch_name(arch);
    let listed = file.architectures.iter().flatten();
    let mapped = file.arch_map.iter().flatten().filter(|map| map.architecture == native);
    let subs = mapped.flat_map(|map| map.sub_architectures.iter().flatten());
    let others: Vec<String> = listed.chain(subs).filter(|name| *name != native).cloned().collect();
    (!others.is_empty()).then_some(Remark::SubArchitectures(others))
}

/// Whether Docker applies a rule in a container without added capabilities.
fn applies(syscall: &SyscallFile, arch: Arch) -> bool {
    let docker_arch = match arch {
        Arch::X86_64 => "amd64",
        Arch::Aarch64 => "arm64",
    };
    let names = |filter: &FilterFile| filter.arches.iter().any(|name| name == docker_arch);
    let included = syscall
        .includes
        .as_ref()
        .is_none_or(|filter| filter.caps.is_empty() && (filter.arches.is_empty() || names(filter)));
    let excluded = syscall.excludes.as_ref().is_some_and(names);
    included && !excluded
}

struct Reader<'a> {
    arch: Arch,
    from: &'a str,
    bytes: &'a [u8],
    rules: BTreeMap<SyscallNr, Rule>,
    /// Refusals by argument: each error, and the arguments.
    others: BTreeMap<SyscallNr, BTreeMap<Errno, BTreeSet<Conjunction>>>,
    remarks: BTreeSet<Remark>,
}

/// What a refusal by argument is told, unless it is what a condition leaves over.
const BY_ARGUMENT: &str = "it refuses by argument, which an allow-list does by leaving it out";

impl Reader<'_> {
    /// The error of everything that conditions leave over; nothing if the default action is taken.
    fn otherwise(&self) -> Result<Option<Errno>, OciError> {
        let Some((first, Some((errno, _)))) =
            self.others.iter().next().map(|(nr, by_errno)| (*nr, by_errno.first_key_value()))
        else {
            return Ok(None);
        };
        let conditional = |rule: &Rule| matches!(rule.verdict(), Verdict::Allow(Condition::When(_)));
        let conditional = self.rules.iter().filter(|(_, rule)| conditional(rule)).map(|(nr, _)| *nr);
        let all: BTreeSet<SyscallNr> = conditional.chain(self.others.keys().copied()).collect();
        match all.into_iter().find(|nr| !self.is_left_over(*nr, *errno)) {
            Some(odd) => {
                let odd = if self.others.contains_key(&odd) { odd } else { first };
                let name = syscalls::display_name(self.arch, odd);
                let line = locate(self.bytes, &name).line;
                Err(OciError::Rule { name, line, problem: BY_ARGUMENT.to_owned() })
            }
            None => Ok(Some(*errno)),
        }
    }

    /// Whether a call is refused with this error exactly where its condition does not hold.
    fn is_left_over(&self, nr: SyscallNr, errno: Errno) -> bool {
        let verdict = self.rules.get(&nr).map(Rule::verdict);
        let Some(Verdict::Allow(Condition::When(any))) = verdict else { return false };
        let Some(left) = any.complement() else { return false };
        let left: BTreeSet<Conjunction> = left.into_iter().collect();
        match self.others.get(&nr) {
            None => left.is_empty(),
            Some(by_errno) => *by_errno == [(errno, left)].into(),
        }
    }

    fn rule(&mut self, name: &str, file: &SyscallFile, default: DefaultAction) -> Result<(), OciError> {
        let nr = match syscalls::parse(self.arch, name) {
            Ok(nr) => nr,
            Err(unknown) => {
                self.remarks.extend(unknown_name(&unknown));
                return Ok(());
            }
        };
        let problem = |problem: String| {
            let line = locate(self.bytes, name).line;
            OciError::Rule { name: name.to_owned(), line, problem }
        };
        if let Some((errno, refused)) = refusal(file, default).map_err(problem)? {
            self.others.entry(nr).or_default().entry(errno).or_default().extend(refused);
            return Ok(());
        }
        let Some(verdict) = verdict(file, default).map_err(problem)? else {
            return Ok(());
        };
        let reason = Reason::Imported(self.from.to_owned());
        let rule = match self.rules.remove(&nr) {
            None => Rule::new(verdict, reason),
            Some(present) => self.beside(name, present, verdict),
        };
        self.rules.insert(nr, rule);
        Ok(())
    }

    /// Two rules for one name are alternatives, and the one without a condition wins (`seccomp_rule_add(3)`).
    fn beside(&mut self, name: &str, present: Rule, verdict: Verdict) -> Rule {
        let united = match (present.verdict().clone(), verdict) {
            (Verdict::Allow(left), Verdict::Allow(right)) => {
                if (left == Condition::Always) != (right == Condition::Always) {
                    self.remarks.insert(Remark::ConditionalAndUnconditional(name.to_owned()));
                }
                Verdict::Allow(left.or(right))
            }
            (allow @ Verdict::Allow(_), Verdict::Errno(_)) | (Verdict::Errno(_), allow) => allow,
        };
        present.with(united)
    }
}

/// A name that another architecture has is no mistake: Docker's profile is one for all.
fn unknown_name(unknown: &UnknownSyscall) -> Option<Remark> {
    // libseccomp knows the names of every architecture, with a number below 0 for those of others.
    let elsewhere = ScmpSyscall::from_name(unknown.name()).is_ok();
    let remark = Remark::UnknownName { name: unknown.name().to_owned(), nearest: unknown.nearest() };
    (!elsewhere).then_some(remark)
}

/// A refusal by argument that is another than the default.
fn refusal(file: &SyscallFile, default: DefaultAction) -> Result<Option<(Errno, Vec<Conjunction>)>, String> {
    let args = file.args.as_deref().unwrap_or_default();
    let errno = errno(file.errno_ret);
    let is_default = default == DefaultAction::Errno(errno);
    if file.action != "SCMP_ACT_ERRNO" || args.is_empty() || is_default {
        return Ok(None);
    }
    Ok(Some((errno, alternatives(args)?.iter().cloned().collect())))
}

/// What the rule says, or nothing if that is what happens anyway.
fn verdict(file: &SyscallFile, default: DefaultAction) -> Result<Option<Verdict>, String> {
    let args = file.args.as_deref().unwrap_or_default();
    match file.action.as_str() {
        "SCMP_ACT_ALLOW" if args.is_empty() => Ok(Some(Verdict::Allow(Condition::Always))),
        "SCMP_ACT_ALLOW" => Ok(Some(Verdict::Allow(Condition::When(alternatives(args)?)))),
        "SCMP_ACT_ERRNO" if args.is_empty() => {
            let errno = errno(file.errno_ret);
            Ok((default != DefaultAction::Errno(errno)).then_some(Verdict::Errno(errno)))
        }
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_PROCESS" if default == DefaultAction::KillProcess => Ok(None),
        "SCMP_ACT_ERRNO" => Err(BY_ARGUMENT.to_owned()),
        other => Err(format!("the action {other} has no place in an allow-list")),
    }
}
