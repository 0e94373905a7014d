//! What a daemon costs, and what it may cost at most.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::unistd::Pid;

use crate::daemon::{Home, PORT};
use crate::programs::{Metronome, Programs};
use crate::support::process::{self, Process};
use crate::support::{http, poll, sandbox, seccinch};

const TARGETS: usize = 200;
const WINDOW: Duration = Duration::from_secs(30);
/// Programs that the daemon has never seen before.
const UNKNOWN: usize = 50;

/// A figure, in a unit, and what it may be at most.
struct Figure {
    what: &'static str,
    value: f64,
    most: f64,
    unit: &'static str,
}

/// Measures a daemon with one target and with 200: memory, time on a CPU, the time a poll takes, and how long after
/// its exec an unknown program is decided about.
pub(crate) fn measure() -> Result<()> {
    let figures = sandbox::run(|sandbox| {
        let programs = Programs::create()?;
        let home = Home::create(sandbox.dir(), "", "[targets]\nshortest_life = \"0s\"")?;
        // The defaults, as figures are for those.
        let fragments = home.config().with_file_name("conf.d");
        fs::create_dir(&fragments)?;
        fs::write(fragments.join("flush.toml"), "flush_interval = \"30s\"\n")?;
        let daemon = start(&home)?;
        let pid = daemon.pid();
        let mut running = vec![Metronome::start(&programs.metronome("target-0")?, 1, "1s")?];
        thread::sleep(Duration::from_secs(10));
        let one = resident_mebibytes(pid)?;
        for number in 1..TARGETS {
            let program = programs.metronome(&format!("target-{number}"))?;
            running.push(Metronome::start(&program, 1, "1s")?);
        }
        // Until all are written, with a profile each, eight at a poll; and nothing of their starts is left to do.
        thread::sleep(Duration::from_mins(1));
        let (cpu, polls) = (cpu_time(pid)?, Polls::read()?);
        let began = Instant::now();
        thread::sleep(WINDOW);
        let cpu = cpu_time(pid)?.saturating_sub(cpu).as_secs_f64() / began.elapsed().as_secs_f64();
        let polls = Polls::read()?.since(&polls);
        let many = resident_mebibytes(pid)?;
        ensure!(home.ask(&["status"])?["targets"].as_u64() >= Some(TARGETS as u64), "{}", home.log());
        for number in 0..UNKNOWN {
            let program = programs.metronome(&format!("unknown-{number}"))?;
            process::output(Command::new(program).arg("1"), poll::SOON)?;
        }
        let mut verdicts = poll::until("all verdicts", poll::SOON, || {
            let verdicts = verdicts(&home.log());
            Ok((verdicts.len() >= UNKNOWN).then_some(verdicts))
        })?;
        verdicts.sort_unstable();
        let [middle, last] =
            [verdicts.len() / 2, verdicts.len() - 1].map(|at| verdicts[at].as_secs_f64() * 1e3);
        drop((running, daemon));
        println!("polls: {}", polls.shown());
        Ok([
            Figure { what: "resident memory, 1 target", value: one, most: 25.0, unit: "MiB" },
            Figure { what: "resident memory, 200 targets", value: many, most: 40.0, unit: "MiB" },
            Figure { what: "CPU, 200 targets, 1 s poll", value: cpu * 100.0, most: 1.0, unit: "% of a core" },
            Figure { what: "a poll of 200 targets, mean", value: polls.mean() * 1e3, most: 5.0, unit: "ms" },
            Figure { what: "exec to verdict, median", value: middle, most: 10.0, unit: "ms" },
            Figure { what: "exec to verdict, longest of 50", value: last, most: f64::INFINITY, unit: "ms" },
        ])
    })?;
    for Figure { what, value, most, unit } in &figures {
        println!("{what:<32} {value:>8.2} {unit:<12} at most {most}");
    }
    let over = figures.iter().find(|figure| figure.value > figure.most);
    ensure!(over.is_none(), "{} is too much", over.map_or("", |figure| figure.what));
    Ok(())
}

/// A daemon that says when it decides.
fn start(home: &Home) -> Result<Process> {
    let log = File::create(home.config().with_file_name("log"))?;
    let mut command = Command::new(seccinch::program());
    command.arg("daemon").arg("--config").arg(home.config());
    command.env("SECCINCH_LOG", "info,seccinch::collect=debug").stdout(Stdio::null()).stderr(log);
    let daemon = Process::spawn(&mut command)?;
    poll::retry("the daemon to be ready", poll::SOON, || http::get(PORT, "/readyz")?.expect(200).map(drop))?;
    Ok(daemon)
}

#[expect(clippy::cast_precision_loss, reason = "kibibytes of one process")]
fn resident_mebibytes(pid: Pid) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    println!("{:?}", status.lines().filter(|line| line.starts_with("Rss")).collect::<Vec<_>>());
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes as f64 / 1024.0)
}

/// Time that all threads spent on a CPU (`/proc/PID/task/TID/schedstat`).
fn cpu_time(pid: Pid) -> Result<Duration> {
    let mut total = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        total += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(total))
}

/// How long after their execution unknown programs were decided about, by the daemon's own words.
fn verdicts(log: &str) -> Vec<Duration> {
    let plain = |line: &str| line.replace("\u{1b}[", "\0").split('\0').map(after_colour).collect::<String>();
    let lines = log.lines().map(plain).filter(|line| line.contains("decided") && line.contains("/unknown-"));
    let parse = |text: &str| humantime::parse_rfc3339_weak(text.trim_end_matches('Z')).ok();
    lines
        .filter_map(|line| {
            let decided = parse(line.split(' ').next()?)?;
            let executed = parse(line.split("executed=").nth(1)?.split(' ').next()?)?;
            decided.duration_since(executed).ok()
        })
        .collect()
}

fn after_colour(text: &str) -> &str {
    text.split_once('m')
        .filter(|(code, _)| code.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(text, |(_, rest)| rest)
}

/// The histogram of poll durations.
struct Polls {
    buckets: BTreeMap<String, u64>,
    sum: f64,
    count: u64,
}

impl Polls {
    fn read() -> Result<Self> {
        let text = http::get(PORT, "/metrics")?.expect(200)?.text();
        let mut polls = Self { buckets: BTreeMap::new(), sum: 0.0, count: 0 };
        for line in text.lines().filter_map(|line| line.strip_prefix("seccinch_poll_duration_seconds_")) {
            let (name, value) = line.split_once(' ').context("a value")?;
            match name {
                "sum" => polls.sum = value.parse()?,
                "count" => polls.count = value.parse()?,
                bucket => drop(polls.buckets.insert(bucket.to_owned(), value.parse()?)),
            }
        }
        Ok(polls)
    }

    fn since(mut self, before: &Self) -> Self {
        self.sum -= before.sum;
        self.count -= before.count;
        for (bucket, count) in &mut self.buckets {
            *count -= before.buckets.get(bucket).copied().unwrap_or_default();
        }
        self
    }

    #[expect(clippy::cast_precision_loss, reason = "some dozens")]
    fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }

    fn shown(&self) -> String {
        format!("{} in {:.1} ms; {:?}", self.count, self.sum * 1e3, self.buckets)
    }
}
