//! A daemon with as many workloads as it keeps.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use seccinch::learn::baseline;
use seccinch::learn::store::{Bounds, Store};
use seccinch::model::{
    Arch, Arguments, Build, Callers, Delta, Host, Ledger, PhaseCounts, Role, RoleObservations, Seen, Starts,
    SyscallNr, Timestamp, WorkloadId,
};
use seccinch::syscalls;

use crate::daemon::{Home, PORT, alone};
use crate::state::State;
use crate::support::http::Connection;
use crate::support::{http, poll, sandbox};

const WORKLOADS: usize = 500;
const NAMES: usize = 100;
const MOST_SERIES: usize = 10_000;
const MOST: Duration = Duration::from_millis(100);
/// The 1st of June 2026.
const LONG_AGO: Timestamp = Timestamp::from_unix_nanos(1_780_272_000_000_000_000);

/// Check that a daemon with 500 workloads of 100 names each stays within its budget of series and says what it leaves
/// out, and that a scrape takes no longer than 100 ms, by either format, while it polls and after its profiles are
/// made.
#[test]
fn five_hundred_workloads_are_scraped_in_time() -> Result<()> {
    let _alone = alone();
    sandbox::run(|sandbox| {
        let tables = "[limits]\nforget_after = \"3650d\"";
        let home = Home::create(sandbox.dir(), "discover = \"none\"\npoll_interval = \"100ms\"", tables)?;
        fill(&home)?;
        let began = Instant::now();
        let daemon = home.start()?;
        eprintln!("ready after {:.1?}", began.elapsed());
        poll::until("a profile of each", Duration::from_mins(2), || {
            let state = State::read(&home.state()).unwrap_or_default();
            Ok((state.generations >= WORKLOADS).then_some(()))
        })
        .with_context(|| home.log())?;
        eprintln!("{WORKLOADS} profiles after {:.1?}", began.elapsed());
        let mut times = Vec::new();
        for accept in ["text/plain;version=0.0.4", "application/openmetrics-text;version=1.0.0"].repeat(5) {
            let began = Instant::now();
            let mut connection = Connection::open(PORT)?;
            let answer = connection.request("GET", "/metrics", &[("Accept", accept)], b"")?.expect(200)?;
            times.push(began.elapsed());
            is_within_the_budget(&answer.text())?;
        }
        times.sort_unstable();
        eprintln!("a scrape: median {:.1?}, longest {:.1?}", times[times.len() / 2], times[times.len() - 1]);
        let is_optimized = !cfg!(debug_assertions) || std::env::var_os("SECCINCH_BIN").is_some();
        ensure!(!is_optimized || times[times.len() / 2] <= MOST, "{times:?}");
        http::get(PORT, "/readyz")?.expect(200)?;
        daemon.stop()
    })
}

/// Writes what daemons have learned of many workloads.
fn fill(home: &Home) -> Result<()> {
    let (mut store, _, _) = Store::open(home.state(), Bounds::default())?;
    let host = Host {
        arch: Arch::NATIVE,
        kernel: "6.12.0".to_owned(),
        clock_source: Some("tsc".to_owned()),
        seccinch: "0.1.0".to_owned(),
    };
    for number in 0..WORKLOADS {
        let workload = WorkloadId::parse(&format!("systemd:service-{number}.service"))?;
        let mut known = baseline::begin(workload.clone(), host.clone(), LONG_AGO);
        let starts = Starts { whole: 1, partial: 0, shutdowns: 0 };
        baseline::absorb(
            &mut known,
            Delta { workload, since: None, roles: vec![role(number)], starts },
            LONG_AGO,
        );
        store.save(&known, &Ledger::default())?;
    }
    Ok(())
}

/// A program with a hundred names; no two have the same ones.
fn role(number: usize) -> RoleObservations {
    let known = (0..).map_while(SyscallNr::new).filter(|nr| syscalls::name(Arch::NATIVE, *nr).is_some());
    let seen = Seen {
        counts: PhaseCounts::new(1, 1_000_000, 1),
        in_flight: false,
        first: LONG_AGO,
        last: LONG_AGO,
        arguments: Arguments::Unwatched,
        callers: Callers::default(),
    };
    let syscalls: BTreeMap<_, _> =
        known.skip(number % 200).take(NAMES).map(|nr| (nr, seen.clone())).collect();
    let build = Build { path: format!("/usr/bin/service-{number}"), ..Build::default() };
    RoleObservations { role: Role::Main, build, processes: 1, syscalls, foreign: 0, reachable: None }
}

fn is_within_the_budget(metrics: &str) -> Result<()> {
    let series = metrics.lines().filter(|line| !line.starts_with('#'));
    let dropped =
        series.clone().filter_map(|line| line.strip_prefix("seccinch_metrics_series_dropped_total"));
    let dropped: u64 = dropped.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum();
    let count = series.count();
    ensure!(count <= MOST_SERIES && count > WORKLOADS, "{count} series");
    ensure!(dropped > (WORKLOADS * NAMES / 2) as u64, "only {dropped} are said to be left out");
    Ok(())
}
