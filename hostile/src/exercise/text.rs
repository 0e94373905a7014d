//! Files and names that others wrote: read, and where they can be read, written and read again.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a promise that is broken has to end the fuzzer"
)]

use std::hint::black_box;

use seccinch::app::control::Request;
use seccinch::collect::{Membership, Runtimes, workload_of};
use seccinch::emit::oci;
use seccinch::learn::rules::{Groups, Rule, RuleFile};
use seccinch::learn::{baseline_file, file as observations_file};
use seccinch::model::{Arch, WorkloadId};
use seccinch::policy::file as profile_file;
use serde::Deserialize;

/// Profiles: ours, and those of container runtimes.
pub fn profile(bytes: &[u8]) {
    if let Ok(profile) = profile_file::parse(bytes) {
        let written = profile_file::render(&profile).expect("what was read can be written");
        let again = profile_file::parse(&written).expect("what was written can be read");
        assert_eq!(profile, again, "a profile changes when it is written and read");
    }
    if let Ok(imported) = oci::parse(bytes, Arch::NATIVE, "input") {
        black_box(profile_file::render(&imported.profile).is_ok());
    }
}

/// Observations, and baselines of the state folder.
pub fn observations(bytes: &[u8]) {
    if let Ok(observations) = observations_file::parse(bytes) {
        let written = observations_file::render(&observations).expect("what was read can be written");
        let again = observations_file::parse(&written).expect("what was written can be read");
        assert_eq!(observations, again, "observations change when they are written and read");
    }
    if let Ok((baseline, ledger)) = baseline_file::parse(bytes) {
        let written = baseline_file::render(&baseline, &ledger).expect("what was read can be written");
        let again = baseline_file::parse(&written).expect("what was written can be read");
        assert_eq!((baseline, ledger), again, "a baseline changes when it is written and read");
    }
}

/// What is asked over the control socket.
pub fn control(bytes: &[u8]) {
    if let Ok(request) = Request::from_line(bytes) {
        let line = request.to_line();
        assert_eq!(Request::from_line(line.as_bytes()), Ok(request), "a request is another behind its line");
    }
}

/// A process by its control groups (all lines but the first, as in `/proc/PID/cgroup`) and the path of its program (the
/// first): it always has a workload, whose name is a safe one.
pub fn workload(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    for id in [WorkloadId::parse(text), WorkloadId::unescape(text)].into_iter().flatten() {
        check_id(&id);
    }
    let (path, groups) = text.split_once('\n').unwrap_or((text, ""));
    let nowhere = Runtimes::at("/nonexistent".into());
    check_id(&workload_of(path, &Membership::parse(groups), &nowhere));
}

fn check_id(id: &WorkloadId) {
    let folder = id.escape();
    assert!(
        !folder.contains('/') && !folder.starts_with('.') && folder.len() <= 240,
        "not a file's name: {folder}"
    );
    assert_eq!(WorkloadId::from_folder(&folder).as_ref(), Ok(id), "the name of its folder is another's");
    assert_eq!(WorkloadId::parse(&id.to_string()).as_ref(), Ok(id), "the name is another's");
}

#[derive(Deserialize)]
struct Rules {
    rule: Vec<RuleFile>,
}

/// Rules, as the configuration has them.
pub fn rules(bytes: &[u8]) {
    let Ok(rules) = str::from_utf8(bytes).map(toml::from_str::<Rules>) else { return };
    let groups = Groups::builtin().expect("the groups of the program itself");
    for file in rules.into_iter().flat_map(|rules| rules.rule) {
        if let Ok(rule) = Rule::from_file(file, &groups, Arch::NATIVE) {
            black_box(rule.covers(&WorkloadId::Executable("/usr/bin/web".to_owned())));
        }
    }
}
