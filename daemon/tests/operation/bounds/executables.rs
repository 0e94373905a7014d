//! Executables that are built, run for a moment and removed again, as tests and scripts do it: copies of a Go program,
//! each a file of its own that nobody has seen before, and in no temporary folder.

use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};

use super::{Kept, MOST_WORKLOADS, RUNS, taken_in};
use crate::daemon::{Home, alone};
use crate::programs::Programs;
use crate::support::sandbox;

/// Files that are there at once. They stay until the daemon has looked at them, and take 2 MiB each.
const AT_ONCE: usize = 50;

/// Check that 1,000 runs of fresh executables make no workload where programs have to live for a while first, as they
/// do by default.
#[test]
fn short_runs_make_no_workload() -> Result<()> {
    let (kept, programs) = run("")?;
    ensure!(kept.ours == 0, "{}", kept.shown());
    ensure!(kept.state.baselines.iter().all(|known| !programs.owns(&known.workload.to_string())));
    kept.is_bounded()
}

/// Check that where each of them makes a workload, there are as many as are allowed, each counted to the call, and the
/// rest is told of.
#[test]
fn no_more_workloads_than_fit_are_kept() -> Result<()> {
    let (kept, programs) = run("[targets]\nshortest_life = \"0s\"")?;
    ensure!(kept.workloads == MOST_WORKLOADS, "{}", kept.shown());
    // Of one that nobody could look at, that is told.
    ensure!(kept.other + kept.undecided >= (RUNS - kept.ours) as u64, "{}", kept.shown());
    let ours = kept.state.baselines.iter().filter(|known| programs.owns(&known.workload.to_string()));
    let ours: Vec<_> = ours.collect();
    ensure!(ours.len() == kept.ours, "{} are on disk: {}", ours.len(), kept.shown());
    for known in ours {
        let id = known.workload.to_string();
        let calls = kept.state.calls(&id, "getppid")?;
        ensure!(calls == 1, "{id}: {calls} calls were counted");
        ensure!(known.starts.whole + known.starts.partial == 1, "{id}: {:?}", known.starts);
    }
    kept.is_bounded()
}

/// Runs as many as are meant, each once and with one call, and says what a daemon with these tables has of them.
fn run(tables: &str) -> Result<(Kept, Programs)> {
    let _alone = alone();
    sandbox::run(|sandbox| {
        let programs = Programs::create()?;
        let home = Home::create(sandbox.dir(), "poll_interval = \"100ms\"", tables)?;
        let daemon = home.start()?;
        for batch in 0..RUNS / AT_ONCE {
            let mut files = Vec::new();
            // One at a time: a file that is being written would be open in whatever is started meanwhile.
            for number in 0..AT_ONCE {
                let program = programs.metronome(&format!("fresh-{}", batch * AT_ONCE + number))?;
                let status = Command::new(&program).arg("1").status()?;
                ensure!(status.success(), "{}: {status}", program.display());
                files.push(program);
            }
            taken_in(&home)?;
            files.into_iter().try_for_each(fs::remove_file)?;
        }
        let kept = Kept::by(&home, |id| programs.owns(id))?;
        daemon.stop()?;
        Ok((kept, programs))
    })
}
