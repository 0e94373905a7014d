//! A daemon that is killed while services run, start and end: counting goes on without it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use seccinch::model::Starts;

use crate::daemon::{self, Home};
use crate::discovery::HEAD;
use crate::learned;
use crate::lives::{Life, Place};
use crate::odd::{self, Odd};
use crate::services::{self, Service, exercise};
use crate::support::poll;
use crate::support::sandbox::{self, Sandbox};

/// The TLS helper of the tests is written in Go too. What a daemon knew of it when it was killed is not looked at.
const TABLES: &str = "[targets]\nshortest_life = \"0s\"\nexclude = [\"*/probe-*\"]";

/// Starts a service while the daemon is dead, and the daemon again when the service answers.
fn born_unwatched(service: &Service, is_known: bool) -> Result<()> {
    let _alone = daemon::alone();
    sandbox::run(|sandbox| {
        let home = Home::create(sandbox.dir(), HEAD, TABLES)?;
        let first = home.start()?;
        let life = Life::new(sandbox, service, Place::Host)?;
        let id = Place::Host.workload(sandbox, service)?;
        let mut traced = BTreeMap::new();
        if is_known {
            traced = life.live(|run, ended| life.starts_and_stops(run, ended))?;
            // What a daemon has not yet written when it is killed is lost, if nobody is left to tell of it.
            learned::is_written(&home, &id, |baseline| baseline.starts.shutdowns == 1)?;
        }
        first.crash()?;
        let mut second = None;
        let calls = life.live(|run, ended| {
            let answers = || home.start().map(|daemon| second = Some(daemon));
            exercise(service, run, answers, ended)
        })?;
        for (name, count) in calls {
            *traced.entry(name).or_default() += count;
        }
        let starts = 1 + u64::from(is_known);
        learned::ends_are_seen(&home, &id, starts)?;
        second.context("the daemon was started again")?.stop()?;
        let baseline = learned::baseline(&home, &id)?;
        learned::nothing_missed(service.name, &baseline, &traced).with_context(|| home.log())?;
        let expected = Starts { whole: starts, partial: 0, shutdowns: starts };
        ensure!(baseline.starts == expected, "{:?}; the daemon's log:\n{}", baseline.starts, home.log());
        Ok(())
    })
}

/// Check that nothing is missed of a service that starts while the daemon is dead, though nobody ever saw it.
#[test]
fn an_unknown_service_is_counted_without_a_daemon() -> Result<()> {
    born_unwatched(&services::NODE_EXPORTER, false)
}

/// Check that nothing is missed of a known service that starts while the daemon is dead.
#[test]
fn a_known_service_is_counted_without_a_daemon() -> Result<()> {
    born_unwatched(&services::CADDY, true)
}

/// Check that a service that ran before the daemon is known to have been seen in part only, and its next start
/// to be whole.
#[test]
fn a_start_before_the_daemon_is_partial() -> Result<()> {
    let _alone = daemon::alone();
    sandbox::run(|sandbox| {
        let service = &services::ETCD;
        let home = Home::create(sandbox.dir(), HEAD, TABLES)?;
        let life = Life::new(sandbox, service, Place::Host)?;
        let mut daemon = None;
        life.live(|run, ended| {
            poll::retry("the first answer", poll::SOON, || (service.ready)(run))?;
            daemon = Some(home.start()?);
            life.starts_and_stops(run, ended)
        })?;
        let again = life.live(|run, ended| life.starts_and_stops(run, ended))?;
        let id = Place::Host.workload(sandbox, service)?;
        learned::ends_are_seen(&home, &id, 2)?;
        daemon.context("the daemon was started")?.stop()?;
        let baseline = learned::baseline(&home, &id)?;
        let expected = Starts { whole: 1, partial: 1, shutdowns: 2 };
        ensure!(baseline.starts == expected, "{:?}; the daemon's log:\n{}", baseline.starts, home.log());
        let learned = learned::calls(&baseline);
        let missed: Vec<_> = again.keys().filter(|name| !learned.contains_key(*name)).collect();
        ensure!(missed.is_empty(), "missed of the whole start: {missed:?}");
        Ok(())
    })
}

/// Check that of a program that calls all the time nothing is lost and nothing counted twice, however often the
/// daemon is killed.
#[test]
fn counts_are_exact_through_kills() -> Result<()> {
    /// Not in step with polls and flushes, so that kills come before, between and after them.
    const LIVES: [u64; 8] = [1_130, 410, 770, 290, 1_450, 90, 30, 610];
    let _alone = daemon::alone();
    sandbox::run(|sandbox| {
        let (home, program, id) = counting(sandbox)?;
        let mut daemon = home.start()?;
        let mut busy = Odd::start(&program, &["busy", "9000"])?;
        for life in LIVES {
            thread::sleep(Duration::from_millis(life));
            daemon.crash()?;
            // Some calls are made while nobody watches.
            thread::sleep(Duration::from_millis(100));
            daemon = home.start()?;
        }
        let made = busy.number()?;
        busy.finish()?;
        nobody_lives(&home, &id)?;
        daemon.stop()?;
        println!("exact: {made} calls through {} kills", LIVES.len());
        is_exact(&home, &id, made)
    })
}

/// Check that programs that start and end while the daemon is dead are counted exactly, each once.
#[test]
fn counts_are_exact_without_a_daemon() -> Result<()> {
    const KILLS: u64 = 3;
    let _alone = daemon::alone();
    sandbox::run(|sandbox| {
        let (home, program, id) = counting(sandbox)?;
        let mut daemon = home.start()?;
        let mut made = 0;
        for _ in 0..KILLS {
            daemon.crash()?;
            let mut busy = Odd::start(&program, &["busy", "100"])?;
            made += busy.number()?;
            busy.finish()?;
            daemon = home.start()?;
            learned::is_written(&home, &id, |baseline| learned::count(baseline, "getppid") == made)
                .with_context(|| home.log())?;
        }
        daemon.stop()?;
        is_exact(&home, &id, made)
    })
}

/// A daemon that looks for nothing but a program that counts its own calls; the program, and its workload.
fn counting(sandbox: &Sandbox) -> Result<(Home, PathBuf, String)> {
    let program = odd::compile(&sandbox.dir().join("odd"))?;
    let head = "discover = \"none\"\npoll_interval = \"200ms\"";
    let home = Home::create(sandbox.dir(), head, "[targets]\nexecutables = [\"*/odd\"]")?;
    let id = format!("exe:{}", program.display());
    Ok((home, program, id))
}

fn nobody_lives(home: &Home, id: &str) -> Result<()> {
    poll::until("no live target", poll::SOON, || {
        let shown = home.ask(&["workload", "show", id])?;
        Ok(shown["live"].as_array().is_some_and(Vec::is_empty).then_some(()))
    })
}

fn is_exact(home: &Home, id: &str, made: u64) -> Result<()> {
    let learned = learned::count(&learned::baseline(home, id)?, "getppid");
    ensure!(learned == made, "{made} calls were made, {learned} learned; the daemon's log:\n{}", home.log());
    Ok(())
}
