//! The shipped unit in a real systemd.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use crate::daemon::{PORT, alone};
use crate::machine::{CONFIG, Machine, PATIENCE, UNIT, shipped};
use crate::programs::{FIRST_CALLS, Programs};
use crate::state::State;
use crate::support::process::{self, Process};
use crate::support::{http, poll, sandbox, seccinch};
use crate::worker::confined;

/// The configuration of most tests: as shipped, but quick.
const QUICK: &str = "flush_interval = \"1s\"\n";

/// Check that the unit gets ready at boot and says how it goes, that a service started at the same boot is counted
/// from its first call, that the process that reads files has no privileges, that a second daemon ends with the code that is not restarted, that a bad file changes
/// nothing, and that a stop takes no longer than two seconds and leaves nothing unwritten.
#[test]
fn the_unit_serves_from_boot_to_stop() -> Result<()> {
    let _alone = alone();
    sandbox::run(|sandbox| {
        let programs = Programs::create()?;
        let metronome = programs.metronome("boot")?;
        let mut machine = Machine::install(sandbox, QUICK, "")?;
        machine.add_service("boot.service", &format!("{} 3 100ms", metronome.display()))?;
        machine.boot()?;
        let status = machine.systemctl(&["status", UNIT])?;
        ensure!(status.contains("Status: \"") && status.contains("workloads"), "no status line:\n{status}");
        poll::until("the service that boots", PATIENCE, || {
            Ok(Machine::ask(&["workload", "show", "systemd:boot.service"]).ok())
        })?;
        confined(machine.main_pid()?).with_context(|| machine.said())?;
        a_second_one_ends(&machine)?;
        a_bad_file_changes_nothing(&machine)?;
        machine.systemctl(&["stop", "boot.service"])?;
        let began = Instant::now();
        machine.systemctl(&["stop", UNIT])?;
        let took = began.elapsed();
        eprintln!("systemctl stop took {took:.2?}");
        ensure!(took <= Duration::from_secs(2), "it took {took:?}");
        ensure!(machine.property("Result")? == "success", "{}", machine.said());
        let state = State::read(&machine.state())?;
        let known = state.baselines.iter().find(|known| known.workload.to_string() == "systemd:boot.service");
        let known = known.context("the service that booted is on disk")?;
        let (starts, calls) = (known.starts, state.calls("systemd:boot.service", "execve")?);
        ensure!((starts.whole, starts.partial) == (1, 0), "{starts:?}");
        ensure!(calls == 0, "the call that brought the program is its launcher's");
        for first in FIRST_CALLS {
            ensure!(state.calls("systemd:boot.service", first)? > 0, "{first} is missing");
        }
        Ok(())
    })
}

fn a_second_one_ends(machine: &Machine<'_>) -> Result<()> {
    let config = machine.state().with_file_name("second.toml");
    fs::write(&config, format!("state = \"{}\"\n", machine.state().display()))?;
    let mut command = Command::new(seccinch::program());
    command.arg("daemon").arg("--config").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
    let mut second = Process::spawn(&mut command)?;
    let code = poll::until("the second daemon's end", poll::SOON, || second.ended())?;
    ensure!(code == 1, "the second daemon ended with {code}");
    ensure!(machine.property("ActiveState")? == "active", "the first one suffered");
    let prevented = machine.property("RestartPreventExitStatus")?;
    ensure!(prevented.split(' ').any(|status| status == "3"), "it would be restarted: {prevented}");
    Ok(())
}

fn a_bad_file_changes_nothing(machine: &Machine<'_>) -> Result<()> {
    for (text, successful) in [("poll_intervall = \"1s\"\n", 0), (QUICK, 1)] {
        fs::write(CONFIG, text)?;
        machine.systemctl(&["reload", UNIT])?;
        let due = format!("seccinch_config_last_reload_successful {successful}\n");
        poll::retry("the metric", poll::SOON, || http::get(PORT, "/metrics")?.holds(&due).map(drop))?;
        let status = Machine::ask(&["status"])?;
        let is_told = status["problems"].to_string().contains("poll_intervall");
        ensure!(is_told == (successful == 0), "{status}");
        ensure!(machine.property("ActiveState")? == "active", "{}", machine.said());
    }
    Ok(())
}

/// Check that a daemon that hangs is ended by the watchdog and started again, and goes on with its counts.
#[test]
fn a_hanging_daemon_is_restarted() -> Result<()> {
    let _alone = alone();
    sandbox::run(|sandbox| {
        let mut machine = Machine::install(sandbox, QUICK, "WatchdogSec=2\n")?;
        machine.boot()?;
        let hanging = machine.main_pid()?;
        process::signal(hanging, Signal::SIGSTOP)?;
        let began = Instant::now();
        poll::until("another daemon", PATIENCE, || {
            // In this order: once it is restarted, only the other one can be active.
            let is_restarted = machine.property("NRestarts")? == "1";
            Ok((is_restarted && machine.property("ActiveState")? == "active").then_some(()))
        })?;
        eprintln!("a daemon that hangs was replaced after {:.1?}", began.elapsed());
        ensure!(machine.main_pid()? != hanging, "{}", machine.said());
        http::get(PORT, "/readyz")?.expect(200)?;
        machine.systemctl(&["stop", UNIT])?;
        ensure!(machine.said().contains("takeover=TakenOver"), "it began anew:\n{}", machine.said());
        Ok(())
    })
}

/// Check what systemd thinks of the unit's exposure.
#[test]
fn the_unit_is_hardened() -> Result<()> {
    let mut command = Command::new("systemd-analyze");
    command.args(["security", "--offline=true", "--no-pager", "--threshold=30"]).arg(shipped());
    let said = process::output(&mut command, PATIENCE)?;
    eprintln!("{}", said.lines().last().unwrap_or_default());
    Ok(())
}
