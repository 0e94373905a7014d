//! From series to profiles.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::Labels;
use super::{Found, PrometheusError, default_of};
use crate::model::{Arch, SyscallNr};
use crate::policy::{Condition, DefaultAction, Digest, Profile, Provenance, Reason, Rule, Verdict};
use crate::syscalls;

const INFO: &str = "seccinch_profile_info";
const RULE: &str = "seccinch_profile_rule";
/// Labels that say something of a profile or a rule; all others say whose it is.
const OWN: [&str; 9] =
    ["__name__", "sha256", "stage", "arch", "default_action", "syscall", "action", "errno", "arguments"];

/// The series of one daemon's workload.
#[derive(Default)]
struct Source<'a> {
    infos: Vec<&'a Labels>,
    rules: Vec<&'a Labels>,
}

/// A source's name, and its series' labels looked up with a reason where one is missing.
struct Reader<'a> {
    name: String,
    source: &'a Source<'a>,
}

/// The profiles that these series stand for.
pub(super) fn profiles(series: &[Labels]) -> Result<Found, PrometheusError> {
    let mut sources = BTreeMap::<Vec<(&str, &str)>, Source<'_>>::new();
    for labels in series {
        let whose = labels.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
        let whose = whose.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let source = sources.entry(whose).or_default();
        if value(labels, "__name__") == RULE { source.rules.push(labels) } else { source.infos.push(labels) }
    }
    let profiles = sources.iter().map(|(whose, source)| Reader { name: name(whose), source }.profile());
    let profiles = profiles.collect::<Result<Vec<_>, _>>()?;
    let notes = [several(&sources), limited(series)].into_iter().flatten().collect();
    Ok(Found { profiles, notes })
}

fn value<'a>(labels: &'a Labels, name: &str) -> &'a str {
    labels.get(name).map(String::as_str).unwrap_or_default()
}

/// `instance a:9786, job seccinch, workload systemd:web.service`.
fn name(whose: &[(&str, &str)]) -> String {
    let parts = whose.iter().map(|(name, value)| format!("{name} {value}"));
    let name = parts.collect::<Vec<_>>().join(", ");
    if name.is_empty() { "a daemon without a name".to_owned() } else { name }
}

/// Who matches more than was meant should know.
fn several(sources: &BTreeMap<Vec<(&str, &str)>, Source<'_>>) -> Option<String> {
    let labels = sources.keys().flatten().filter(|(name, _)| *name == "workload");
    let workloads: BTreeSet<&str> = labels.map(|(_, workload)| *workload).collect();
    let names = || workloads.iter().copied().collect::<Vec<_>>().join(", ");
    (workloads.len() > 1).then(|| format!("it unites {} workloads: {}", workloads.len(), names()))
}

/// What is lost by asking a Prometheus should be known too.
fn limited(series: &[Labels]) -> Option<String> {
    let limited = series.iter().filter(|labels| value(labels, "arguments") == "limited");
    let names: BTreeSet<&str> = limited.map(|labels| value(labels, "syscall")).collect();
    let list = || names.iter().copied().collect::<Vec<_>>().join(", ");
    (!names.is_empty()).then(|| {
        format!(
            "the daemons limit the arguments of {}, which metrics do not tell: here any are allowed; \
             `seccinch profile merge` keeps them, of the profiles that the daemons' API has",
            list()
        )
    })
}

impl Reader<'_> {
    fn profile(&self) -> Result<Profile, PrometheusError> {
        let Some(info) = self.source.infos.first() else {
            return Err(PrometheusError::NoInfo { source_name: self.name.clone() });
        };
        if self.source.rules.is_empty() {
            return Err(PrometheusError::NoRules { source_name: self.name.clone() });
        }
        let arch = self.label(info, INFO, "arch", Arch::from_name)?;
        let default = self.label(info, INFO, "default_action", default_of)?;
        self.agree(arch, default)?;
        let mut rules = BTreeMap::new();
        for labels in &self.source.rules {
            let (nr, verdict) = self.rule(arch, labels)?;
            let reason = Reason::Imported(format!("prometheus: {}", self.name));
            // While a generation replaces another, a call may be in both.
            let wider = match rules.get(&nr).map(Rule::verdict) {
                Some(present @ Verdict::Allow(_)) => present.clone(),
                _ => verdict,
            };
            rules.insert(nr, Rule::new(wider, reason));
        }
        let wrong = |source| PrometheusError::Profile { source_name: self.name.clone(), source };
        Ok(Profile::new(arch, default, rules).map_err(wrong)?.with_provenance(self.provenance()?))
    }

    /// While a generation replaces another, there may be two; they are of one machine even so.
    fn agree(&self, arch: Arch, default: DefaultAction) -> Result<(), PrometheusError> {
        for info in &self.source.infos {
            self.label(info, INFO, "arch", |text| Arch::from_name(text).filter(|other| *other == arch))?;
            self.label(info, INFO, "default_action", |text| {
                default_of(text).filter(|other| *other == default)
            })?;
        }
        Ok(())
    }

    fn rule(&self, arch: Arch, labels: &Labels) -> Result<(SyscallNr, Verdict), PrometheusError> {
        let nr = syscalls::parse(arch, value(labels, "syscall"))
            .map_err(|source| PrometheusError::UnknownSyscall { source_name: self.name.clone(), source })?;
        let allows = self.label(labels, RULE, "action", |action| match action {
            "allow" => Some(true),
            "errno" => Some(false),
            _ => None,
        })?;
        let verdict = if allows {
            Verdict::Allow(Condition::Always)
        } else {
            Verdict::Errno(self.label(labels, RULE, "errno", |errno| errno.parse().ok())?)
        };
        Ok((nr, verdict))
    }

    fn provenance(&self) -> Result<Provenance, PrometheusError> {
        let digests = self.source.infos.iter().map(|info| self.label(info, INFO, "sha256", Digest::parse));
        Ok(Provenance {
            seccinch: BTreeSet::from([env!("CARGO_PKG_VERSION").to_owned()]),
            inputs: digests.collect::<Result<_, _>>()?,
            ..Provenance::default()
        })
    }

    fn label<T>(
        &self,
        labels: &Labels,
        metric: &'static str,
        label: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, PrometheusError> {
        let value = value(labels, label);
        read(value).ok_or_else(|| PrometheusError::Label {
            source_name: self.name.clone(),
            metric,
            label,
            value: value.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{ENOSYS, EPERM};

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn info(instance: &str) -> Labels {
        labels(&[
            ("__name__", INFO),
            ("instance", instance),
            ("workload", "exe:/a"),
            ("sha256", &"0".repeat(64)),
            ("stage", "learn"),
            ("arch", "x86_64"),
            ("default_action", "errno:EPERM"),
        ])
    }

    fn rule(instance: &str, syscall: &str, more: &[(&str, &str)]) -> Labels {
        let own = [("__name__", RULE), ("instance", instance), ("workload", "exe:/a"), ("syscall", syscall)];
        labels(&[own.as_slice(), more].concat())
    }

    const ALLOW: &[(&str, &str)] = &[("action", "allow")];

    fn error(series: &[Labels]) -> String {
        profiles(series).unwrap_err().to_string()
    }

    /// Check that each daemon's series become its profile, and that what is lost is said.
    #[test]
    fn series_become_profiles() {
        let limited: &[(&str, &str)] = &[("action", "allow"), ("arguments", "limited")];
        let refused: &[(&str, &str)] = &[("action", "errno"), ("errno", "ENOSYS")];
        let series = [
            info("a"),
            info("b"),
            rule("a", "read", ALLOW),
            rule("a", "socket", limited),
            rule("a", "clone3", refused),
            rule("b", "write", ALLOW),
        ];
        let found = profiles(&series).unwrap();
        let [a, b] = &found.profiles[..] else { unreachable!("two daemons") };
        let nr = |name| syscalls::number(Arch::X86_64, name).unwrap();
        assert_eq!(a.rules().len(), 3);
        assert_eq!(a.rules()[&nr("clone3")].verdict(), &Verdict::Errno(ENOSYS));
        assert_eq!(a.rules()[&nr("socket")].verdict(), &Verdict::Allow(Condition::Always));
        assert_eq!(b.default_action(), DefaultAction::Errno(EPERM));
        let reason = b.rules()[&nr("write")].reasons().first().map(Reason::to_string);
        assert_eq!(reason.as_deref(), Some("imported: prometheus: instance b, workload exe:/a"));
        assert_eq!(b.provenance().inputs.len(), 1);
        let [note] = &found.notes[..] else { unreachable!("one note: {:?}", found.notes) };
        assert!(note.contains("the arguments of socket,"), "{note}");
    }

    /// Check that a profile without its rules, rules without their profile, and labels of another version are
    /// refused.
    #[test]
    fn halves_are_refused() {
        assert!(error(&[info("a"), info("b"), rule("b", "read", ALLOW)]).starts_with("instance a, workload"));
        assert!(error(&[rule("a", "read", ALLOW)]).contains("no seccinch_profile_info"));
        let unknown = [info("a"), rule("a", "read", &[("action", "notify")])];
        assert!(error(&unknown).contains("`action` (`notify`)"), "{}", error(&unknown));
        assert!(error(&[info("a"), rule("a", "raed", ALLOW)]).contains("unknown call"));
        let mut other = info("a");
        other.insert("arch".into(), "mips".into());
        assert!(error(&[other, rule("a", "read", ALLOW)]).contains("`arch` (`mips`)"));
        let nothing = [info("a"), rule("a", "read", &[("action", "errno"), ("errno", "EPERM")])];
        assert!(error(&nothing).contains("no usable profile"));
    }
}
