//! From a profile to the file's types.

use super::format::{
    BuildFile, CallerFile, DOCUMENT, DefaultFile, FrameFile, LaunchFile, MaskedFile, ObservedFile,
    ProfileFile, ProvenanceFile, ReachFile, ReasonFile, RoleFile, RuleFile, ScannedFile, VerdictFile,
};
use crate::learn::reach;
use crate::model::{Caller, Phase, Role};
use crate::policy::floor::NoNewPrivileges;
use crate::policy::{
    BuildStamp, Condition, Conjunction, DefaultAction, Digest, Observed, Profile, Provenance, Reach, Reason,
    Rule, Verdict,
};
use crate::syscalls::display_name;

pub(super) fn encode(profile: &Profile) -> ProfileFile {
    let rules = profile.rules().iter().map(|(nr, one)| (display_name(profile.arch(), *nr), rule(one)));
    let refused = profile
        .refused()
        .iter()
        .map(|(nr, reasons)| (display_name(profile.arch(), *nr), reasons.iter().map(reason).collect()));
    ProfileFile {
        format: DOCUMENT.format.to_owned(),
        version: DOCUMENT.version,
        arch: profile.arch().name().to_owned(),
        default: match profile.default_action() {
            DefaultAction::Errno(errno) => DefaultFile::Errno(errno.to_string()),
            DefaultAction::KillProcess => DefaultFile::KillProcess,
            DefaultAction::Log => DefaultFile::Log,
        },
        otherwise: profile.otherwise().map(|errno| errno.to_string()),
        notes: profile.notes().iter().map(|note| note.0.clone()).collect(),
        provenance: provenance(profile.provenance()),
        rules: rules.collect(),
        refused: refused.collect(),
        reach: reach(profile),
    }
}

pub(super) fn provenance(from: &Provenance) -> ProvenanceFile {
    let launches = from.launches.iter().map(|launch| LaunchFile {
        runtime: launch.runtime_name().to_owned(),
        no_new_privs: launch.no_new_privileges == NoNewPrivileges::Set,
    });
    let builds = from.builds.iter().map(build);
    ProvenanceFile {
        seccinch: from.seccinch.clone(),
        kernels: from.kernels.clone(),
        clock_sources: from.clock_sources.clone(),
        launches: launches.collect(),
        builds: builds.collect(),
        floors: from.floors.clone(),
        inputs: from.inputs.iter().map(Digest::to_string).collect(),
    }
}

fn build(build: &BuildStamp) -> BuildFile {
    BuildFile { path: build.path.clone(), id: build.id.clone(), go: build.go.clone() }
}

/// Nothing where nothing was scanned.
fn reach(profile: &Profile) -> Option<ReachFile> {
    let reach = profile.reach();
    let scanned = reach.scanned().iter().map(|(stamp, limits)| ScannedFile {
        build: build(stamp),
        unresolved: limits.unresolved,
        gaps: limits.gaps.clone(),
    });
    let is_there = *reach != Reach::default();
    is_there.then(|| ReachFile {
        scanned: scanned.collect(),
        syscalls: reach::calls(profile.arch(), reach.calls()),
    })
}

fn rule(rule: &Rule) -> RuleFile {
    let verdict = match rule.verdict() {
        Verdict::Allow(Condition::Always) => VerdictFile::Allow,
        Verdict::Allow(Condition::When(alternatives)) => {
            VerdictFile::AllowWhen(alternatives.iter().map(conjunction).collect())
        }
        Verdict::Errno(errno) => VerdictFile::Errno(errno.to_string()),
    };
    RuleFile { verdict, reasons: rule.reasons().iter().map(reason).collect() }
}

fn conjunction(conjunction: &Conjunction) -> Vec<MaskedFile> {
    let file = |(index, masked): (crate::policy::ArgIndex, crate::policy::Masked)| MaskedFile {
        arg: index.get().into(),
        mask: masked.mask(),
        value: masked.value(),
    };
    conjunction.iter().map(file).collect()
}

fn reason(reason: &Reason) -> ReasonFile {
    match reason {
        Reason::Observed(one) => ReasonFile::Observed(observed(one)),
        Reason::Floor { floor, text } => ReasonFile::Floor { floor: floor.clone(), text: text.clone() },
        Reason::Arguments(text) => ReasonFile::Arguments(text.clone()),
        Reason::Guard(text) => ReasonFile::Guard(text.clone()),
        Reason::Imported(text) => ReasonFile::Imported(text.clone()),
        Reason::Rule { name, text } => ReasonFile::Rule { name: name.clone(), text: text.clone() },
        Reason::Reachable(reached) => ReasonFile::Reachable(reached.into()),
    }
}

fn observed(observed: &Observed) -> ObservedFile {
    ObservedFile {
        role: match &observed.role {
            Role::Main => RoleFile::Main,
            Role::Child(name) => RoleFile::Child(name.clone()),
            Role::Entered(name) => RoleFile::Entered(name.clone()),
        },
        program: observed.program.clone(),
        build: observed.build.clone(),
        startup: observed.counts.get(Phase::Startup),
        steady: observed.counts.get(Phase::Steady),
        shutdown: observed.counts.get(Phase::Shutdown),
        in_flight: observed.in_flight,
        first: observed.first.to_string(),
        caller: observed.caller.as_ref().map(caller),
        reachable: observed.is_reachable,
    }
}

fn caller(caller: &Caller) -> CallerFile {
    let frames = caller.frames.iter().map(|frame| FrameFile {
        function: frame.function.to_string(),
        file: frame.file.to_string(),
        line: frame.line,
        is_inlined: frame.is_inlined,
    });
    CallerFile { goroutine: caller.goroutine, time: caller.time.to_string(), frames: frames.collect() }
}
