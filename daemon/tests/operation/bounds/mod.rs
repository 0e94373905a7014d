//! What runs for a moment and never again leaves no more behind than the bounds say.

mod containers;
mod executables;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use seccinch::model::Losses;
use serde_json::Value;

use crate::daemon::{Home, PORT};
use crate::kernel;
use crate::state::State;
use crate::support::{http, poll};

/// Short runs of executables, and restarts of containers.
const RUNS: usize = 1000;
/// As `deploy/seccinch.toml` has it.
const MOST_WORKLOADS: usize = 500;
/// Likewise.
const MOST_SERIES: usize = 10_000;
/// Bytes of one workload on disk: a baseline, and a generation or two.
const MOST_BYTES: u64 = 96 * 1024;
/// For a daemon to catch up on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a daemon kept of all that ran.
#[derive(Debug)]
struct Kept {
    /// Workloads of the programs that were run.
    ours: usize,
    /// All workloads; other programs of this host may have made some.
    workloads: usize,
    /// Starts of programs that there was no room for.
    other: u64,
    series: usize,
    bytes: u64,
    /// What could not be counted, but for `undecided`.
    lost: u64,
    /// Programs that were gone with their files before anybody could look at them. None that is run here can be: the
    /// files stay until that is done.
    undecided: u64,
    state: State,
}

impl Kept {
    /// Waits until a daemon has given back every slot in which somebody was, and has written everything, and then
    /// looks. `is_ours` knows the ids of the workloads that are looked for.
    fn by(home: &Home, is_ours: impl Fn(&str) -> bool) -> Result<Self> {
        let ended = kernel::ended_slots(home.pin())?;
        poll::retry("the slots to be given back", PATIENCE, || {
            let still = kernel::ended_slots(home.pin())?;
            let kept: Vec<_> = ended.intersection(&still).collect();
            ensure!(kept.is_empty(), "{} of {} slots are not given back: {kept:?}", kept.len(), ended.len());
            Ok(())
        })
        .with_context(|| home.log())?;
        let state = poll::retry("a profile of each workload", PATIENCE, || {
            let state = State::read(&home.state())?;
            ensure!(state.unfinished == 0, "{} files are being written", state.unfinished);
            let (profiles, all) = (state.generations, state.baselines.len());
            ensure!(profiles >= all && all == ids(home)?.len(), "{profiles} profiles of {all} workloads");
            Ok(state)
        })
        .with_context(|| home.log())?;
        let listed = ids(home)?;
        let status = home.ask(&["status"])?;
        let metrics = http::get(PORT, "/metrics")?.expect(200)?.text();
        let losses = status["losses"].as_object().context("losses")?;
        let undecided = losses.get("undecided").map_or(Ok(0), count)?;
        let counted = losses.iter().filter(|(reason, _)| Losses::may_hide_calls(reason));
        let kept = Self {
            ours: listed.iter().filter(|id| is_ours(id)).count(),
            workloads: listed.len(),
            other: status["other"].as_u64().context("others")?,
            series: metrics.lines().filter(|line| !line.starts_with('#')).count(),
            bytes: state.bytes,
            lost: counted.map(|(_, value)| count(value)).sum::<Result<u64>>()? - undecided,
            undecided,
            state,
        };
        eprintln!("{}", kept.shown());
        Ok(kept)
    }

    /// Fails if there is more of anything than may be.
    fn is_bounded(&self) -> Result<()> {
        ensure!(self.workloads <= MOST_WORKLOADS, "{}", self.shown());
        ensure!(self.series <= MOST_SERIES, "{}", self.shown());
        // The lock, and what else is not a workload's.
        ensure!(self.bytes <= (self.workloads as u64 + 1) * MOST_BYTES, "{}", self.shown());
        ensure!(self.lost == 0, "{}", self.shown());
        Ok(())
    }

    fn shown(&self) -> String {
        let Self { ours, workloads, other, series, bytes, lost, undecided, .. } = self;
        format!(
            "{ours} of {workloads} workloads, {other} other, {series} series, {bytes} bytes, {lost} lost, \
             {undecided} undecided"
        )
    }
}

/// The ids of all workloads that a daemon shows.
fn ids(home: &Home) -> Result<Vec<String>> {
    let listed = home.ask(&["workload", "list"])?;
    let workloads = listed["workloads"].as_array().context("workloads")?;
    Ok(workloads.iter().filter_map(|workload| workload["id"].as_str()).map(str::to_owned).collect())
}

/// Waits until a daemon has taken in all that happened before: a poll that began after it is over.
fn taken_in(home: &Home) -> Result<()> {
    let polls = || -> Result<u64> { count(&home.ask(&["status"])?["polls"]["count"]) };
    let before = polls()?;
    poll::until("two polls", PATIENCE, || Ok((polls()? >= before + 2).then_some(())))
}

fn count(value: &Value) -> Result<u64> {
    value.as_u64().with_context(|| format!("a count, not {value}"))
}
