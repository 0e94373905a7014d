//! What a daemon learned of a workload, read from its files.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use seccinch::learn::baseline_file;
use seccinch::model::{Arch, Baseline, Phase, Role, Seen, WorkloadId};
use seccinch::syscalls;
use serde_json::Value;

use crate::daemon::Home;
use crate::support::{poll, profile};

/// The folder of a workload.
pub(crate) fn folder(home: &Home, id: &str) -> Result<PathBuf> {
    Ok(home.state().join("workloads").join(WorkloadId::parse(id)?.escape()))
}

/// A workload's baseline.
pub(crate) fn baseline(home: &Home, id: &str) -> Result<Baseline> {
    let file = folder(home, id)?.join("baseline.json");
    let bytes = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    Ok(baseline_file::parse(&bytes)?.0)
}

/// How often each call was made, by all roles; one that was only under way is there with nothing.
pub(crate) fn calls(baseline: &Baseline) -> BTreeMap<String, u64> {
    let mut calls = BTreeMap::new();
    for (nr, seen) in baseline.roles.iter().flat_map(|role| &role.syscalls) {
        *calls.entry(syscalls::display_name(Arch::NATIVE, *nr)).or_default() += seen.counts.total();
    }
    calls
}

/// How often a call was made in one phase, by all roles.
pub(crate) fn in_phase(baseline: &Baseline, name: &str, phase: Phase) -> u64 {
    let nr = syscalls::number(Arch::NATIVE, name);
    let seen = baseline.roles.iter().filter_map(|role| role.syscalls.get(&nr?));
    seen.map(|seen| seen.counts.get(phase)).sum()
}

/// Waits until so many targets were seen to end.
pub(crate) fn ends_are_seen(home: &Home, id: &str, ends: u64) -> Result<()> {
    poll::retry("the ends in what the daemon shows", poll::SOON, || {
        let shown = home.ask(&["workload", "show", id])?;
        ensure!(shown["starts"]["shutdowns"] == ends, "{}, live: {}", shown["starts"], shown["live"]);
        Ok(())
    })
    .with_context(|| home.log())
}

/// Fails unless it is known who made the calls of the service, and which goroutine; prints a row.
pub(crate) fn callers_are_known(name: &str, baseline: &Baseline) -> Result<()> {
    let main = baseline.roles.iter().filter(|role| role.role == Role::Main);
    let calls: Vec<_> = main.flat_map(|role| role.syscalls.values()).collect();
    let known = calls.iter().filter(|seen| !seen.callers.is_empty()).count();
    let is_goroutine = |seen: &&&Seen| seen.callers.iter().any(|caller| caller.goroutine.is_some());
    let goroutines = calls.iter().filter(is_goroutine).count();
    println!("callers: {name:16} of {known} of {} calls, {goroutines} with goroutines", calls.len());
    ensure!(known >= calls.len() / 2 && goroutines >= 10, "{name}: next to no caller is known");
    Ok(())
}

/// Fails unless everything that strace saw was learned.
pub(crate) fn nothing_missed(name: &str, baseline: &Baseline, traced: &BTreeMap<String, u64>) -> Result<()> {
    let learned = calls(baseline);
    let missed: Vec<_> = traced.keys().filter(|name| !learned.contains_key(*name)).collect();
    let [seen, counted] = [traced, &learned].map(|calls| calls.values().sum::<u64>());
    println!(
        "recall: {name:16} {} of {} names of strace, {} learned; {counted} calls counted, strace saw {seen}",
        traced.len() - missed.len(),
        traced.len(),
        learned.len(),
    );
    ensure!(missed.is_empty(), "strace saw {} calls, and of these not learned: {missed:?}", traced.len());
    // They differ by a few where a call is interrupted, and shown twice or restarted.
    ensure!(counted.abs_diff(seen) <= 10, "strace saw {seen} calls, {counted} were counted");
    ensure!(baseline.losses.is_empty(), "lost: {:?}", baseline.losses);
    ensure!(baseline.gaps.is_empty(), "gaps: {:?}", baseline.gaps);
    Ok(())
}

/// How often a call was made, by all roles and in all phases.
pub(crate) fn count(baseline: &Baseline, name: &str) -> u64 {
    calls(baseline).get(name).copied().unwrap_or_default()
}

/// Waits until the baseline in its file is as it should be.
pub(crate) fn is_written(home: &Home, id: &str, is_due: impl Fn(&Baseline) -> bool) -> Result<()> {
    poll::until("the baseline in its file", poll::SOON, || {
        Ok(baseline(home, id).ok().filter(|baseline| is_due(baseline)).map(drop))
    })
}

/// The newest generation of a workload.
pub(crate) struct Generation {
    pub(crate) folder: PathBuf,
}

impl Generation {
    /// Finds it.
    pub(crate) fn newest(home: &Home, id: &str) -> Result<Self> {
        let generations = folder(home, id)?.join("generations");
        let folders = fs::read_dir(&generations).with_context(|| generations.display().to_string())?;
        let mut folders = folders.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        folders.sort();
        let folder = folders.pop().context("no generation")?;
        Ok(Self { folder })
    }

    /// What a runtime reads.
    pub(crate) fn seccomp(&self) -> PathBuf {
        self.folder.join("seccomp.json")
    }

    /// Whether it allows a call.
    pub(crate) fn allows(&self, name: &str) -> Result<bool> {
        Ok(profile::allowed(&self.seccomp())?.contains(name))
    }

    /// One of its files.
    pub(crate) fn read(&self, name: &str) -> Result<Value> {
        Ok(serde_json::from_slice(&fs::read(self.folder.join(name))?)?)
    }
}
