//! Far more programs than anybody watches, all at once.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::daemon::{Home, alone};
use crate::programs::{FIRST_CALLS, Metronome, Programs, workload_of};
use crate::state::State;
use crate::support::{poll, sandbox};

const EXECUTIONS: usize = 10_000;
const BINARIES: usize = 200;
/// One in so many is a Go program.
const GO: usize = 4;
/// Executions of Go programs, each with one call that is looked for.
const RUNS: u64 = (EXECUTIONS / GO) as u64;
/// Losses that are no calls.
const NO_CALLS: [&str; 3] = ["arguments_full", "stacks_full", "stacks_unnamed"];
/// Services that begin while the storm lasts.
const SERVICES: usize = 5;
/// For all executions.
const WITHIN: Duration = Duration::from_mins(1);
/// How fast they follow each other: twice as fast as they would have to.
const PACE: Duration = Duration::from_millis(3);

/// Check that 10,000 executions of 200 programs within a minute, a quarter of them of Go programs, hide no service
/// that begins meanwhile: each is counted from its first call to its last. Every run of a short Go program is
/// counted, or told of as lost.
#[test]
fn a_storm_hides_no_service() -> Result<()> {
    let services = (0..SERVICES).map(|number| format!("service-{number}")).collect::<Vec<_>>();
    let Storm { took, counted, lost } = weather(&services)?;
    println!("{EXECUTIONS} executions in {took:.1?}: {counted} of {RUNS} runs counted, {lost} told as lost");
    ensure!(took <= WITHIN, "this machine is too slow for a storm: {took:?}");
    ensure!(counted <= RUNS && counted + lost >= RUNS, "{counted} of {RUNS} were counted, {lost} lost");
    Ok(())
}

/// What came of a storm.
struct Storm {
    took: Duration,
    /// Runs of short Go programs.
    counted: u64,
    /// What is told of as lost.
    lost: u64,
}

/// Has a daemon watch a storm. Fails if one of the services is not known from its first call to its last.
fn weather(services: &[String]) -> Result<Storm> {
    let _alone = alone();
    sandbox::run(|sandbox| {
        let programs = Programs::create()?;
        let home = Home::create(sandbox.dir(), "", "[targets]\nshortest_life = \"0s\"")?;
        let binaries = (0..BINARIES).map(|number| match number % GO {
            0 => programs.metronome(&format!("short-{number}")),
            _ => programs.small(&format!("small-{number}")),
        });
        let binaries = binaries.collect::<Result<Vec<_>>>()?;
        let services = services.iter().map(|name| programs.metronome(name)).collect::<Result<Vec<_>>>()?;
        let daemon = home.start()?;
        let (took, running) = storm(&binaries, &services)?;
        let mut made = Vec::new();
        for (service, metronome) in services.iter().zip(running) {
            made.push((workload_of(service), metronome.stop()?));
        }
        let status = settled(&home)?;
        daemon.stop()?;
        let state = State::read(&home.state())?;
        for (workload, calls) in made {
            is_whole(&state, &workload, calls).with_context(|| format!("{status}\n{}", home.log()))?;
        }
        let short = binaries.iter().step_by(GO);
        let counted: u64 =
            short.map(|path| state.calls(&workload_of(path), "getppid")).sum::<Result<u64>>()?;
        let losses = status["losses"].as_object().context("losses")?;
        let told = losses.iter().filter(|(reason, _)| !NO_CALLS.contains(&reason.as_str()));
        let lost: u64 = told.filter_map(|(_, count)| count.as_u64()).sum();
        eprintln!(
            "{EXECUTIONS} executions in {took:.1?}; {counted} of {RUNS} runs of Go programs; {losses:?}"
        );
        Ok(Storm { took, counted, lost })
    })
}

/// Executes all, and starts the services meanwhile. They still run in the end.
fn storm(binaries: &[PathBuf], services: &[PathBuf]) -> Result<(Duration, Vec<Metronome>)> {
    let (next, began) = (AtomicUsize::new(0), Instant::now());
    let run = || -> Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= EXECUTIONS {
                return Ok(());
            }
            let due = began + PACE * u32::try_from(number)?;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let status = Command::new(&binaries[number % BINARIES]).arg("1").status()?;
            ensure!(status.success(), "{}: {status}", binaries[number % BINARIES].display());
        }
    };
    thread::scope(|scope| {
        let runners: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        let mut running = Vec::new();
        for (number, service) in services.iter().enumerate() {
            let at = EXECUTIONS * (number + 1) / (SERVICES + 1);
            let is_time = || Ok((next.load(Ordering::Relaxed) >= at).then_some(()));
            poll::until("the middle of the storm", WITHIN, is_time)?;
            running.push(Metronome::start(service, 3, "10ms")?);
        }
        for runner in runners {
            runner.join().ok().context("a thread that executes")??;
        }
        Ok((began.elapsed(), running))
    })
}

/// The daemon's status once it counts nothing more.
fn settled(home: &Home) -> Result<Value> {
    let mut last = (Value::Null, Instant::now());
    poll::until("the daemon to have counted everything", Duration::from_mins(1), || {
        let status = home.ask(&["status"])?;
        let now = Value::from(vec![status["counted"].clone(), status["losses"].clone()]);
        if now != last.0 {
            last = (now, Instant::now());
        }
        Ok((last.1.elapsed() > Duration::from_secs(4)).then_some(status))
    })
}

fn is_whole(state: &State, workload: &str, calls: u64) -> Result<()> {
    let known = state.baselines.iter().find(|known| known.workload.to_string() == workload);
    let known = known.with_context(|| format!("{workload} was missed"))?;
    let counted = state.calls(workload, "getppid")?;
    ensure!(counted == calls, "{workload}: {counted} calls of {calls} were counted");
    ensure!((known.starts.whole, known.starts.partial) == (1, 0), "{workload}: {:?}", known.starts);
    for first in FIRST_CALLS {
        ensure!(state.calls(workload, first)? > 0, "{workload}: {first} is missing");
    }
    Ok(())
}
