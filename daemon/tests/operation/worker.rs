//! The daemon's worker, which reads executables: no target, and no outage when it ends or hangs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::daemon::{Home, PORT, alone};
use crate::programs::{Metronome, Programs, workload_of};
use crate::support::process::signal;
use crate::support::{http, poll, sandbox, seccinch};

const QUICK: &str = "discover = \"go\"\npoll_interval = \"200ms\"";

/// Check that a worker that is killed, or hangs, is replaced, that it costs no more than one file, which is told of, and
/// that none of the workers is counted, though the program is looked for by its name.
#[test]
fn a_worker_that_ends_is_no_outage() -> Result<()> {
    let _alone = alone();
    sandbox::run(|sandbox| {
        let programs = Programs::create()?;
        let program = seccinch::program().canonicalize()?;
        let tables = format!("[targets]\nshortest_life = \"0s\"\nexecutables = [\"{}\"]", program.display());
        let home = Home::create(sandbox.dir(), QUICK, &tables)?;
        let daemon = home.start()?;
        let first = programs.metronome("first")?;
        let _first = Metronome::start(&first, 1, "1s")?;
        found(&first).with_context(|| home.log())?;

        let killed = confined(daemon.pid())?;
        killed.iter().try_for_each(|worker| signal(*worker, Signal::SIGKILL))?;
        let second = programs.metronome("second")?;
        let _second = Metronome::start(&second, 1, "1s")?;
        found(&second).with_context(|| home.log())?;
        let stopped = confined(daemon.pid())?;
        ensure!(!stopped.iter().any(|worker| killed.contains(worker)), "one was not killed");
        ensure!(lost()? == 0, "a file was lost:\n{}", home.log());

        stopped.iter().try_for_each(|worker| signal(*worker, Signal::SIGSTOP))?;
        let hanging = programs.metronome("hanging")?;
        let _hanging = Metronome::start(&hanging, 1, "1s")?;
        poll::until("the file that was not read", poll::SOON, || Ok((lost()? == 1).then_some(())))?;
        let third = programs.metronome("third")?;
        let _third = Metronome::start(&third, 1, "1s")?;
        found(&third).with_context(|| home.log())?;
        ensure!(lost()? == 1, "more than one file was lost:\n{}", home.log());
        ensure!(home.log().contains("lost the worker"), "nothing was said:\n{}", home.log());
        ensure!(!is_known(&hanging)?, "nobody could tell that it is a Go program");

        ensure!(!is_known(&program)?, "a worker was counted");
        // Another process of the same program is.
        home.ask(&["status"])?;
        found(&program).with_context(|| home.log())?;
        daemon.stop()
    })
}

/// By the metrics: another process of the program, which would ask on the command line, is not there yet.
fn is_known(program: &Path) -> Result<bool> {
    let metrics = http::get(PORT, "/metrics")?.expect(200)?.text();
    Ok(metrics.contains(&format!("workload=\"{}\"", workload_of(program))))
}

fn found(program: &Path) -> Result<()> {
    let what = format!("{} among the workloads", program.display());
    poll::until(&what, poll::SOON, || Ok(is_known(program)?.then_some(())))
}

/// Files that could not be read, as the daemon counts them.
fn lost() -> Result<u64> {
    let metrics = http::get(PORT, "/metrics")?.expect(200)?.text();
    let name = "seccinch_observations_lost_total{reason=\"unparsable\"} ";
    metrics.lines().find_map(|line| line.strip_prefix(name)).map_or(Ok(0), |value| Ok(value.parse()?))
}

/// The workers of a daemon, once none of them has privileges: one describes files, another may name stacks.
pub(crate) fn confined(daemon: Pid) -> Result<Vec<Pid>> {
    poll::retry("the workers to be confined", poll::SOON, || {
        let processes = fs::read_dir("/proc")?;
        let processes = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let is_child = |pid: &i32| field(*pid, "PPid").is_some_and(|parent| parent == daemon.to_string());
        let children: Vec<i32> = processes.filter(is_child).collect();
        ensure!((1..=2).contains(&children.len()), "the daemon's children: {children:?}");
        let none = "0000000000000000";
        for child in &children {
            for (name, due) in [("CapPrm", none), ("CapEff", none), ("NoNewPrivs", "1"), ("Seccomp", "2")] {
                let value = field(*child, name);
                ensure!(value.as_deref() == Some(due), "{name} of the worker is {value:?}");
            }
        }
        Ok(children.into_iter().map(Pid::from_raw).collect())
    })
}

fn field(pid: i32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(value.trim().to_owned())
}
