//! What whoever uses a profile has to know of how it was made.

use std::collections::BTreeMap;

use super::Input;
use crate::model::{Arch, Losses, Phase, Role, RoleObservations, SyscallNr};
use crate::policy::{Note, Rule, Verdict};
use crate::syscalls::{display_name, number};

pub(super) fn notes(
    arch: Arch,
    inputs: &[Input<'_>],
    programs: &[&RoleObservations],
    rules: &BTreeMap<SyscallNr, Rule>,
) -> Vec<Note> {
    let mut notes: Vec<Note> = inputs.iter().flat_map(losses).collect();
    notes.extend(programs.iter().filter(|role| role.foreign > 0).map(|role| foreign(role)));
    notes.extend(unwatched_starts(programs));
    notes.extend(programs.iter().filter_map(|role| beyond_scan(arch, role)));
    notes.extend(open_clone3(arch, rules));
    notes.extend(io_uring(arch, rules));
    notes
}

fn losses(input: &Input<'_>) -> Vec<Note> {
    let lost = input.observations.losses.0.iter();
    let lost = lost.filter(|(reason, count)| **count > 0 && Losses::may_hide_calls(reason));
    let note = |(reason, count): (&String, &u64)| {
        Note(format!(
            "the recording was not whole: {count} lost ({reason}); record again, or expect denials \
             (input {:.12})",
            input.digest.to_string()
        ))
    };
    lost.map(note).collect()
}

fn foreign(role: &RoleObservations) -> Note {
    Note(format!(
        "{} made {} calls by another ABI (32-bit or x32), which this profile refuses",
        role.build.path, role.foreign
    ))
}

/// What was seen although the scan of the program does not find it.
fn beyond_scan(arch: Arch, role: &RoleObservations) -> Option<Note> {
    let reachable = role.reachable.as_ref()?;
    let beyond = role.syscalls.keys().filter(|nr| !reachable.syscalls.contains_key(nr));
    let names: Vec<String> = beyond.map(|nr| display_name(arch, *nr)).collect();
    (!names.is_empty()).then(|| {
        Note(format!(
            "{} was seen making calls that the scan of its code does not find ({}): `seccinch profile check` says what \
             that may be",
            role.build.path,
            names.join(", ")
        ))
    })
}

/// A filter holds from the program's first instruction, so a profile without the start breaks the next one.
fn unwatched_starts(programs: &[&RoleObservations]) -> Vec<Note> {
    let mut started: BTreeMap<&str, bool> = BTreeMap::new();
    for role in programs.iter().filter(|role| role.role == Role::Main) {
        let starts = role.syscalls.values().any(|seen| seen.counts.get(Phase::Startup) > 0);
        *started.entry(&role.build.path).or_default() |= starts;
    }
    let note = |path: &str| {
        Note(format!(
            "no start of {path} was recorded, and this profile lacks what it calls only then: record a start \
             too (`record -- CMD`, or `--unit` or `--container` over a restart) and build from both files"
        ))
    };
    started.into_iter().filter(|(_, starts)| !starts).map(|(path, _)| note(path)).collect()
}

fn verdict<'a>(arch: Arch, rules: &'a BTreeMap<SyscallNr, Rule>, name: &str) -> Option<&'a Verdict> {
    Some(rules.get(&number(arch, name)?)?.verdict())
}

fn open_clone3(arch: Arch, rules: &BTreeMap<SyscallNr, Rule>) -> Option<Note> {
    let allowed = |verdict: &&Verdict| matches!(verdict, Verdict::Allow(_));
    verdict(arch, rules, "clone3").filter(allowed)?;
    let text = "clone3 was observed and is allowed; its flags can't be filtered, so clone is not narrowed and new \
                namespaces are not kept out; --refuse-clone3 does, if the program falls back to clone as glibc does";
    Some(Note(text.to_owned()))
}

fn io_uring(arch: Arch, rules: &BTreeMap<SyscallNr, Rule>) -> Option<Note> {
    let allowed = |verdict: &&Verdict| matches!(verdict, Verdict::Allow(_));
    verdict(arch, rules, "io_uring_setup").filter(allowed)?;
    Some(Note("io_uring_setup is allowed: what is asked through the ring passes no filter".to_owned()))
}
