//! From the file's types to a profile, everything checked.

use std::collections::{BTreeMap, BTreeSet};

use super::format::{
    BuildFile, CallerFile, DefaultFile, LaunchFile, MaskedFile, ObservedFile, ProfileFile, ProvenanceFile,
    ReachFile, ReasonFile, RoleFile, RuleFile, VerdictFile,
};
use super::{ProfileFileError, RuleFileError};
use crate::files::locate;
use crate::learn::reach;
use crate::model::{Arch, Caller, Frame, PhaseCounts, Role, ScanLimits, SyscallNr, Timestamp};
use crate::policy::floor::NoNewPrivileges;
use crate::policy::{
    Alternatives, ArgIndex, BuildStamp, Condition, ConditionError, Conjunction, DefaultAction, Digest, Errno,
    Launch, Masked, Note, Observed, Profile, Provenance, Reach, Reason, Rule, Verdict,
};
use crate::syscalls;

/// `bytes` is the text that `file` was read from, to say where something stands.
pub(super) fn decode(file: ProfileFile, bytes: &[u8]) -> Result<Profile, ProfileFileError> {
    let Some(arch) = Arch::from_name(&file.arch) else {
        return Err(ProfileFileError::UnknownArch(file.arch));
    };
    let default = match file.default {
        DefaultFile::Errno(name) => DefaultAction::Errno(error(name, bytes)?),
        DefaultFile::KillProcess => DefaultAction::KillProcess,
        DefaultFile::Log => DefaultAction::Log,
    };
    let (mut rules, mut refused) = (BTreeMap::new(), BTreeMap::new());
    for (name, file) in file.rules {
        let rule = rule(file).map_err(|source| wrong_rule(bytes, &name, source))?;
        rules.insert(number(arch, &name, bytes)?, rule);
    }
    for (name, files) in file.refused {
        let reasons = reasons(files).map_err(|source| wrong_rule(bytes, &name, source))?;
        refused.insert(number(arch, &name, bytes)?, reasons.into_iter().collect::<BTreeSet<_>>());
    }
    let otherwise = file.otherwise.map(|name| error(name, bytes)).transpose()?;
    let profile = Profile::new(arch, default, rules).map_err(ProfileFileError::Profile)?;
    let profile = profile.with_otherwise(otherwise).map_err(ProfileFileError::Profile)?;
    let notes = file.notes.into_iter().map(Note);
    let reach = file.reach.map(|file| reach(file, |name| number(arch, name, bytes))).transpose()?;
    let profile = profile.with_refused(refused).with_notes(notes).with_reach(reach.unwrap_or_default());
    Ok(profile.with_provenance(provenance(file.provenance, bytes)?))
}

fn reach(
    file: ReachFile,
    number: impl Fn(&str) -> Result<SyscallNr, ProfileFileError>,
) -> Result<Reach, ProfileFileError> {
    let scanned = file
        .scanned
        .into_iter()
        .map(|file| (build(file.build), ScanLimits { unresolved: file.unresolved, gaps: file.gaps }));
    Ok(Reach::new(reach::reached(file.syscalls, number)?, scanned.collect()))
}

fn number(arch: Arch, name: &str, bytes: &[u8]) -> Result<SyscallNr, ProfileFileError> {
    syscalls::parse(arch, name)
        .map_err(|source| ProfileFileError::UnknownSyscall { position: locate(bytes, name), source })
}

fn wrong_rule(bytes: &[u8], name: &str, source: RuleFileError) -> ProfileFileError {
    ProfileFileError::Rule { position: locate(bytes, name), syscall: name.to_owned(), source }
}

fn word(bytes: &[u8], text: String, what: &'static str) -> ProfileFileError {
    ProfileFileError::Word { position: locate(bytes, &text), text, what }
}

fn error(name: String, bytes: &[u8]) -> Result<Errno, ProfileFileError> {
    errno(&name).map_err(|_| word(bytes, name, "error name"))
}

fn errno(name: &str) -> Result<Errno, RuleFileError> {
    Ok(name.parse()?)
}

fn provenance(file: ProvenanceFile, bytes: &[u8]) -> Result<Provenance, ProfileFileError> {
    let launches = file.launches.into_iter().map(|file| launch(file, bytes));
    let digest = |text: String| Digest::parse(&text).ok_or_else(|| word(bytes, text, "SHA-256 digest"));
    Ok(Provenance {
        seccinch: file.seccinch,
        kernels: file.kernels,
        clock_sources: file.clock_sources,
        launches: launches.collect::<Result<_, _>>()?,
        builds: file.builds.into_iter().map(build).collect(),
        floors: file.floors,
        inputs: file.inputs.into_iter().map(digest).collect::<Result<_, _>>()?,
    })
}

fn launch(file: LaunchFile, bytes: &[u8]) -> Result<Launch, ProfileFileError> {
    let privileges = if file.no_new_privs { NoNewPrivileges::Set } else { NoNewPrivileges::Unset };
    Launch::from_name(&file.runtime, privileges).ok_or_else(|| word(bytes, file.runtime, "runtime"))
}

fn build(file: BuildFile) -> BuildStamp {
    BuildStamp { path: file.path, id: file.id, go: file.go }
}

fn rule(file: RuleFile) -> Result<Rule, RuleFileError> {
    let verdict = match file.verdict {
        VerdictFile::Allow => Verdict::Allow(Condition::Always),
        VerdictFile::AllowWhen(lists) => Verdict::Allow(Condition::When(alternatives(lists)?)),
        VerdictFile::Errno(name) => Verdict::Errno(errno(&name)?),
    };
    let mut reasons = reasons(file.reasons)?.into_iter();
    let first = reasons.next().ok_or(RuleFileError::NoReason)?;
    Ok(Rule::new(verdict, first).because(reasons))
}

/// At least one.
fn reasons(files: Vec<ReasonFile>) -> Result<Vec<Reason>, RuleFileError> {
    let reasons = files.into_iter().map(reason).collect::<Result<Vec<_>, _>>()?;
    if reasons.is_empty() { Err(RuleFileError::NoReason) } else { Ok(reasons) }
}

fn alternatives(lists: Vec<Vec<MaskedFile>>) -> Result<Alternatives, ConditionError> {
    let masked = |file: MaskedFile| Ok((ArgIndex::new(file.arg)?, Masked::new(file.mask, file.value)?));
    let conjunction = |list: Vec<MaskedFile>| {
        Conjunction::new(list.into_iter().map(masked).collect::<Result<Vec<_>, ConditionError>>()?)
    };
    Alternatives::new(lists.into_iter().map(conjunction).collect::<Result<Vec<_>, _>>()?)
}

fn reason(file: ReasonFile) -> Result<Reason, RuleFileError> {
    Ok(match file {
        ReasonFile::Observed(file) => Reason::Observed(observed(file)?),
        ReasonFile::Floor { floor, text } => Reason::Floor { floor, text },
        ReasonFile::Arguments(text) => Reason::Arguments(text),
        ReasonFile::Guard(text) => Reason::Guard(text),
        ReasonFile::Imported(text) => Reason::Imported(text),
        ReasonFile::Rule { name, text } => Reason::Rule { name, text },
        ReasonFile::Reachable(file) => Reason::Reachable(file.into()),
    })
}

fn observed(file: ObservedFile) -> Result<Observed, RuleFileError> {
    Ok(Observed {
        role: match file.role {
            RoleFile::Main => Role::Main,
            RoleFile::Child(name) => Role::Child(name),
            RoleFile::Entered(name) => Role::Entered(name),
        },
        program: file.program,
        build: file.build,
        counts: PhaseCounts::new(file.startup, file.steady, file.shutdown),
        first: Timestamp::from_rfc3339(&file.first).ok_or(RuleFileError::Time(file.first))?,
        in_flight: file.in_flight,
        caller: file.caller.map(caller).transpose()?,
        is_reachable: file.reachable,
    })
}

fn caller(file: CallerFile) -> Result<Caller, RuleFileError> {
    let frames = file.frames.into_iter().map(|frame| Frame {
        function: frame.function.into(),
        file: frame.file.into(),
        line: frame.line,
        is_inlined: frame.is_inlined,
    });
    Ok(Caller {
        frames: frames.collect(),
        goroutine: file.goroutine,
        time: Timestamp::from_rfc3339(&file.time).ok_or(RuleFileError::Time(file.time))?,
    })
}
