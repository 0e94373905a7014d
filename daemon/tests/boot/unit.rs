//! The shipped unit from boot to the machine's end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use seccinch::model::{Arch, Baseline, SyscallNr};
use seccinch::syscalls;
use serde_json::Value;

use crate::host::{Host, PATIENCE, SERVICE, UNIT, WORKLOAD};
use crate::kernel::{self, Ids};
use crate::support::poll;

/// What a Go program calls before its `main`, and hardly again (`runtime.rt0_go`, `runtime.osinit`).
const FIRST_CALLS: [&str; 2] = ["arch_prctl", "sched_getaffinity"];

/// Check that on a machine that boots, the unit is ready before the first ordinary service, a service of that boot is
/// counted from its first call and as often as the kernel's own trace says, that the journal has what the daemon says,
/// that a bad file changes nothing, that a daemon that hangs is replaced without losing a call, and that a stop takes
/// no longer than two seconds and leaves nothing in the kernel. One boot for all: emulated, it is most of the time.
#[test]
fn the_unit_serves_a_machine_from_boot_to_its_end() -> Result<()> {
    let began = Instant::now();
    let mut host = Host::boot()?;
    eprintln!("booted after {:.1?}", began.elapsed());
    is_ready_before_services(&mut host)?;
    counts_from_the_first_call(&mut host)?;
    is_in_the_journal(&mut host)?;
    a_bad_file_changes_nothing(&mut host)?;
    the_watchdog_replaces_it(&mut host)?;
    host.run(&format!("systemctl stop {SERVICE}"))?;
    stops_in_time(&mut host)?;
    counted_every_call(&mut host)?;
    host.power_off()?;
    eprintln!("the machine was off after {:.1?}", began.elapsed());
    Ok(())
}

fn is_ready_before_services(host: &mut Host) -> Result<()> {
    for (name, due) in
        [("ActiveState", "active"), ("SubState", "running"), ("Type", "notify"), ("NRestarts", "0")]
    {
        let value = host.property(UNIT, name)?;
        ensure!(value == due, "{name} is {value}");
    }
    let ready = host.number(UNIT, "ActiveEnterTimestampMonotonic")?;
    let started = host.number(SERVICE, "ExecMainStartTimestampMonotonic")?;
    eprintln!("ready {} ms after the kernel's start, the service {} ms", ready / 1000, started / 1000);
    ensure!(ready < started, "the service was first");
    poll::until("the status line", PATIENCE, || {
        let status = host.property(UNIT, "StatusText")?;
        Ok((status == "1 targets of 1 workloads").then(|| eprintln!("{status}")))
    })
}

fn counts_from_the_first_call(host: &mut Host) -> Result<()> {
    let status = host.document("status")?.context("the daemon answers")?;
    eprintln!("Linux {}", status["host"]["kernel"]);
    ensure!(status["ready"] == true && status["problems"] == Value::Array(Vec::new()), "{status}");
    // A start is told when startup is over.
    let shown = poll::until("the service's start", PATIENCE, || {
        let shown = host.document(&format!("workload show {WORKLOAD}"))?.context("the workload is known")?;
        Ok((shown["starts"]["whole"] != 0 || shown["starts"]["partial"] != 0).then_some(shown))
    })?;
    let starts = &shown["starts"];
    ensure!(starts["whole"] == 1 && starts["partial"] == 0 && shown["gaps"] == 0, "{shown}");
    let calls = &shown["roles"][0]["syscalls"];
    ensure!(calls["execve"].is_null(), "the call that brought the program is its launcher's: {calls}");
    for first in FIRST_CALLS {
        ensure!(calls[first]["startup"].as_u64() > Some(0), "{first} is missing: {calls}");
    }
    Ok(())
}

fn is_in_the_journal(host: &mut Host) -> Result<()> {
    let daemon = host.property(UNIT, "MainPID")?;
    let entries = host.journal(&format!("_PID={daemon}"))?;
    ensure!(!entries.is_empty(), "the daemon said nothing");
    for entry in &entries {
        let field = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        eprintln!("<{}> {}", field("PRIORITY"), field("MESSAGE"));
        ensure!(field("SYSLOG_IDENTIFIER") == "seccinch", "{entry:?}");
        // A busy host may be worth a warning.
        ensure!(["4", "6"].contains(&field("PRIORITY")), "{entry:?}");
        ensure!(!field("MESSAGE").is_empty() && !field("MESSAGE").starts_with('<'), "{entry:?}");
    }
    Ok(())
}

fn a_bad_file_changes_nothing(host: &mut Host) -> Result<()> {
    const BAD: &str = "/etc/seccinch/conf.d/bad.toml";
    host.run(&format!("mkdir -p /etc/seccinch/conf.d; echo 'poll_intervall = \"1s\"' > {BAD}"))?;
    is_reloaded(host, false)?;
    let told = host.journal(&format!("--unit {UNIT} --priority warning"))?;
    let named = |entry: &BTreeMap<String, Value>| entry["MESSAGE"].to_string().contains("poll_intervall");
    ensure!(told.iter().any(named), "the journal has no warning: {told:?}");
    host.run(&format!("rm {BAD}"))?;
    is_reloaded(host, true)
}

fn is_reloaded(host: &mut Host, successful: bool) -> Result<()> {
    host.run(&format!("systemctl reload {UNIT}"))?;
    poll::until("the reload", PATIENCE, || {
        let status = host.document("status")?.context("the daemon answers")?;
        let is_told = status["problems"].to_string().contains("poll_intervall");
        Ok((status["reload"]["successful"] == successful && is_told != successful).then_some(()))
    })?;
    let (state, restarts) = (host.property(UNIT, "ActiveState")?, host.property(UNIT, "NRestarts")?);
    ensure!(state == "active" && restarts == "0", "{state}, {restarts} restarts");
    Ok(())
}

fn the_watchdog_replaces_it(host: &mut Host) -> Result<()> {
    poll::until("the start on disk", PATIENCE, || {
        Ok(host.baseline()?.filter(|baseline| baseline.starts.whole == 1).map(drop))
    })?;
    let hanging = host.property(UNIT, "MainPID")?;
    host.run(&format!("kill -STOP {hanging}"))?;
    let began = Instant::now();
    poll::until("another daemon", PATIENCE, || {
        // In this order: once it is restarted, only the other one can be active.
        let is_restarted = host.property(UNIT, "NRestarts")? == "1";
        Ok((is_restarted && host.property(UNIT, "ActiveState")? == "active").then_some(()))
    })?;
    eprintln!("a daemon that hangs was replaced after {:.1?}", began.elapsed());
    let other = host.property(UNIT, "MainPID")?;
    ensure!(other != hanging, "process {hanging} came back");
    let said = host.run(&format!("journalctl --sync; journalctl --unit {UNIT} --output cat"))?;
    ensure!(said.contains("Watchdog timeout"), "it was not the watchdog:\n{said}");
    ensure!(said.contains("takeover=TakenOver"), "it began anew:\n{said}");
    Ok(())
}

/// Stops it, and once more if it took too long: with a busy host under it, an emulated processor may stand still.
fn stops_in_time(host: &mut Host) -> Result<()> {
    const LIMIT: Duration = Duration::from_secs(2);
    if stop(host)? > LIMIT {
        host.run(&format!("systemctl start {UNIT}"))?;
        let took = stop(host)?;
        ensure!(took <= LIMIT, "it took {took:?}");
    }
    Ok(())
}

/// Stops it, and looks whether it left something in the kernel. How long it took, as systemd has it.
fn stop(host: &mut Host) -> Result<Duration> {
    let loaded = Ids::pinned(host)?;
    host.run(&format!("systemctl stop {UNIT}"))?;
    let began = host.number(UNIT, "ActiveExitTimestampMonotonic")?;
    let took = Duration::from_micros(host.number(UNIT, "InactiveEnterTimestampMonotonic")? - began);
    let result = host.property(UNIT, "Result")?;
    ensure!(result == "success", "the daemon's end was a {result}");
    let pinned = host.run("ls -A /sys/fs/bpf/seccinch")?;
    ensure!(pinned.is_empty(), "still pinned: {pinned}");
    loaded.gone(host)?;
    eprintln!("systemctl stop took {took:.1?}; {} programs, links and maps are gone", loaded.count());
    Ok(took)
}

/// What is on disk, against what the service says of itself, and against the kernel's trace.
fn counted_every_call(host: &mut Host) -> Result<()> {
    let baseline = host.baseline()?.context("a baseline is on disk")?;
    let starts = baseline.starts;
    ensure!((starts.whole, starts.partial, starts.shutdowns) == (1, 0, 1), "{starts:?}");
    ensure!(baseline.gaps.is_empty(), "{:?}", baseline.gaps);
    let counted = counted(&baseline)?;
    let said =
        host.run(&format!("journalctl --sync; journalctl _COMM=boot --unit {SERVICE} --output cat"))?;
    let made: u64 = said.trim().parse().with_context(|| format!("the service said {said:?}"))?;
    let getppid = syscalls::number(Arch::NATIVE, "getppid").context("a known call")?;
    ensure!(counted.get(&getppid) == Some(&made), "{made} calls were made: {counted:?}");
    let traced = kernel::traced(host)?;
    let total: u64 = traced.values().sum();
    eprintln!("{made} getppid; {total} calls of {} names, each as traced", traced.len());
    ensure!(counted == traced, "counted {counted:?}\n traced {traced:?}");
    Ok(())
}

/// How often each call was made by the service's only program.
fn counted(baseline: &Baseline) -> Result<BTreeMap<SyscallNr, u64>> {
    let [role] = &baseline.roles[..] else { bail!("{} roles", baseline.roles.len()) };
    ensure!(role.foreign == 0 && role.processes == 1, "{} foreign, {}", role.foreign, role.processes);
    Ok(role.syscalls.iter().map(|(number, seen)| (*number, seen.counts.total())).collect())
}
