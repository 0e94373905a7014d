use std::sync::Arc;

use super::service;
use crate::app::generations::learned_profile;
use crate::learn::rules::{Groups, Rule, RuleFile};
use crate::learn::testing::{nr, values};
use crate::model::{Arch, Arguments, Baseline, SyscallNr};
use crate::policy::{Profile, Reason};

const UNIT: &str = "systemd:caddy.service";

fn rule(text: &str) -> Rule {
    let file: RuleFile = toml::from_str(&format!("{text}\nover = 0\nper = \"1m\"\nwhy = \"so\"")).unwrap();
    Rule::from_file(file, &Groups::builtin().unwrap(), Arch::NATIVE).unwrap()
}

fn profile(baseline: &Baseline, rules: &[Rule]) -> Profile {
    learned_profile(baseline, rules).unwrap()
}

fn launches(profile: &Profile) -> Vec<String> {
    profile.provenance().launches.iter().map(ToString::to_string).collect()
}

/// Check that a profile stands on the floors of every way in which its workload may be started.
#[test]
fn floors_follow_the_kind_of_workload() {
    let calls = [("read", Arguments::Unwatched)];
    let unit = profile(&service(UNIT, &calls), &[]);
    assert_eq!(launches(&unit), ["systemd with no_new_privs"]);
    assert!(unit.rules().contains_key(&nr("futex")), "it is a Go service");
    assert!(!unit.rules().contains_key(&nr("setuid")));
    let pod = profile(&service("k8s:shop/Deployment/web/app", &calls), &[]);
    assert_eq!(launches(&pod).len(), 4);
    assert!(pod.rules().contains_key(&nr("setuid")), "runc drops its privileges under the filter");
    let path = profile(&service("exe:/usr/bin/service", &calls), &[]);
    assert_eq!(launches(&path).len(), 6);
    for other in [&unit, &pod] {
        assert!(other.rules().keys().all(|nr| path.rules().contains_key(nr)));
    }
}

/// Check that rules take out and limit, and only those that are for the workload.
#[test]
fn rules_are_obeyed() {
    let calls = [
        ("ptrace", values(&[(&[0], 1)])),
        ("clone", values(&[(&[0x1000_0011], 1), (&[0xd0f00], 5)])),
        ("bpf", values(&[(&[5], 1)])),
    ];
    let rules = [
        rule("name = \"debugger\"\nsyscalls = [\"@ptrace\"]\nthen = \"deny\""),
        rule("name = \"elsewhere\"\nsyscalls = [\"bpf\"]\nthen = \"deny\"\nworkloads = [\"exe:*\"]"),
        rule(
            "name = \"user\"\nsyscalls = [\"clone\", \"unshare\"]\nthen = \"narrow\"\n\
             argument = { index = 0, any_of = \"0x10000000\" }",
        ),
    ];
    let profile = profile(&service(UNIT, &calls), &rules);
    let why: Vec<String> = profile.refused()[&nr("ptrace")].iter().map(Reason::to_string).collect();
    assert!(why.contains(&"rule:debugger: taken out although it was observed; so".to_owned()), "{why:?}");
    assert!(!profile.rules().contains_key(&nr("ptrace")) && profile.rules().contains_key(&nr("bpf")));
    let clone = &profile.rules()[&nr("clone")];
    assert_eq!(clone.verdict().to_string(), "allowed when arg0 & 0x7e020000 == 0x0");
    assert!(clone.reasons().iter().any(|reason| reason.to_string().starts_with("rule:user: limited")));
}

/// Check that a call without a name does not keep the profile from being, and is told.
#[test]
fn calls_without_a_name_are_told() {
    let mut baseline = service(UNIT, &[("read", Arguments::Unwatched)]);
    let seen = baseline.roles[0].syscalls[&nr("read")].clone();
    Arc::make_mut(&mut baseline.roles[0]).syscalls.insert(SyscallNr::new(500).unwrap(), seen);
    let profile = profile(&baseline, &[]);
    assert!(!profile.rules().contains_key(&SyscallNr::new(500).unwrap()));
    assert!(profile.notes().iter().any(|note| note.0.starts_with("syscall_500 was observed and is refused")));
}

/// Check that nothing observed is an error, and not a profile of floors alone.
#[test]
fn nothing_gives_no_profile() {
    let error = learned_profile(&service(UNIT, &[]), &[]).unwrap_err();
    assert_eq!(error.to_string(), "cannot build a profile");
}
