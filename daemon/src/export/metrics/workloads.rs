//! Metrics of the workloads.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::family::{Family, Labels, Sample, Samples, Text, Unit, Value};
use super::seconds;
use crate::export::prometheus::default_label;
use crate::export::view::{GenerationView, RuleAction, View, WorkloadView};
use crate::model::{Arch, Role, SyscallNr, Timestamp, WorkloadId};
use crate::syscalls;

/// How strict every profile is: nothing is installed by the daemon yet.
const STAGE: &str = "learn";

/// Families with a series per workload, or a few.
pub(super) fn by_workload(view: &View) -> Vec<Family> {
    let workloads: Vec<_> = view.workloads.values().map(|workload| Shown::new(workload)).collect();
    let targets = workloads
        .iter()
        .map(|shown| Sample::new([shown.label()], Value::Whole(shown.workload.targets.len() as u64)));
    let newest = workloads.iter().filter_map(|shown| {
        let time = last_new(shown.workload)?;
        Some(Sample::new([shown.label()], Value::Real(seconds(time))))
    });
    let profiles = workloads
        .iter()
        .filter_map(|shown| Some(profile_info(shown, shown.workload.generation.as_ref()?, view.host.arch)));
    vec![
        Family {
            name: "seccinch_targets",
            unit: None,
            help: "Live processes that are counted, without those that came in from outside.",
            samples: Samples::Gauges(targets.collect()),
        },
        Family {
            name: "seccinch_baseline_last_new_syscall_timestamp",
            unit: Some(Unit::Seconds),
            help: "When a workload last made a system call that it had never made before.",
            samples: Samples::Gauges(newest.collect()),
        },
        Family {
            name: "seccinch_profile",
            unit: None,
            help: "The newest profile of a workload.",
            samples: Samples::Infos(profiles.collect()),
        },
    ]
}

/// Families with a `syscall` label, of the workloads that are chosen, and how many series of each the others
/// would have.
pub(super) fn by_syscall(view: &View, chosen: &BTreeSet<WorkloadId>) -> Vec<(Family, usize)> {
    let arch = view.host.arch;
    let (shown, others): (Vec<_>, Vec<_>) =
        view.workloads.values().partition(|workload| chosen.contains(&workload.id));
    let shown: Vec<_> = shown.into_iter().map(|workload| Shown::new(workload)).collect();
    let left_out = |count: fn(&WorkloadView) -> usize| others.iter().map(|workload| count(workload)).sum();
    let family = |name, help, samples| Family { name, unit: None, help, samples };
    let calls = shown.iter().flat_map(|shown| calls(shown, arch)).collect();
    let by_others = view.violations_by_others.iter().map(|((rule, nr), count)| {
        Sample::new([syscall(arch, *nr), ("rule", rule.clone().into())], Value::Whole(*count))
    });
    let violations = shown.iter().flat_map(|shown| violations(shown, arch)).chain(by_others).collect();
    let rules = shown.iter().flat_map(|shown| rules(shown, arch)).collect();
    vec![
        (
            family("seccinch_violations", "Broken rules.", Samples::Counters(violations)),
            left_out(|workload| workload.violations.len()),
        ),
        (
            family(
                "seccinch_profile_rule",
                "What the newest profile does with each system call that it names.",
                Samples::Gauges(rules),
            ),
            left_out(|workload| workload.generation.as_ref().map_or(0, |generation| generation.rules.len())),
        ),
        (
            family("seccinch_syscalls", "System calls.", Samples::Counters(calls)),
            left_out(|workload| workload.counts.len()),
        ),
    ]
}

/// A workload with its name as a label.
struct Shown<'a> {
    workload: &'a WorkloadView,
    name: Arc<str>,
}

impl<'a> Shown<'a> {
    fn new(workload: &'a WorkloadView) -> Self {
        Self { workload, name: workload.id.to_string().into() }
    }

    fn label(&self) -> (&'static str, Text) {
        ("workload", Text::from(&self.name))
    }
}

fn syscall(arch: Arch, nr: SyscallNr) -> (&'static str, Text) {
    let name = syscalls::name(arch, nr).map_or_else(|| syscalls::display_name(arch, nr).into(), Text::from);
    ("syscall", name)
}

fn calls<'a>(shown: &'a Shown<'_>, arch: Arch) -> impl Iterator<Item = Sample> + 'a {
    let counts = shown.workload.counts.iter();
    counts.map(move |(nr, count)| Sample::new([shown.label(), syscall(arch, *nr)], Value::Whole(*count)))
}

fn violations<'a>(shown: &'a Shown<'_>, arch: Arch) -> impl Iterator<Item = Sample> + 'a {
    shown.workload.violations.iter().map(move |((rule, nr), count)| {
        let labels = [shown.label(), syscall(arch, *nr), ("rule", rule.clone().into())];
        Sample::new(labels, Value::Whole(*count))
    })
}

fn rules<'a>(shown: &'a Shown<'_>, arch: Arch) -> impl Iterator<Item = Sample> + 'a {
    let generation = shown.workload.generation.as_deref().into_iter();
    generation.flat_map(|generation| &generation.rules).map(move |(nr, action)| {
        let mut labels = Labels::from([shown.label(), syscall(arch, *nr)]);
        match action {
            RuleAction::Allow => labels.0.push(("action", "allow".into())),
            RuleAction::AllowWhen => {
                labels.0.extend([("action", "allow".into()), ("arguments", "limited".into())]);
            }
            RuleAction::Errno(errno) => {
                labels.0.extend([("action", "errno".into()), ("errno", errno.to_string().into())]);
            }
        }
        Sample::new(labels, Value::Whole(1))
    })
}

fn profile_info(shown: &Shown<'_>, generation: &GenerationView, arch: Arch) -> Labels {
    Labels::from([
        shown.label(),
        ("sha256", generation.sha256.clone().into()),
        ("stage", STAGE.into()),
        ("arch", arch.name().into()),
        ("default_action", default_label(generation.default).into()),
    ])
}

/// When a call was first seen that nobody of the workload itself had made before.
fn last_new(workload: &WorkloadView) -> Option<Timestamp> {
    let own = workload.roles.iter().filter(|role| !matches!(role.role, Role::Entered(_)));
    let mut first = std::collections::BTreeMap::<SyscallNr, Timestamp>::new();
    for (nr, seen) in own.flat_map(|role| &role.syscalls) {
        let earliest = first.entry(*nr).or_insert(seen.first);
        *earliest = seen.first.min(*earliest);
    }
    first.into_values().max()
}
