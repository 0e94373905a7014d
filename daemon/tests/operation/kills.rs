//! The daemon is killed again and again, and loses nothing.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use crate::daemon::{Home, alone};
use crate::kernel;
use crate::programs::{Metronome, Programs, workload_of};
use crate::random::Random;
use crate::state::State;
use crate::support::process::{self, Process};
use crate::support::{poll, sandbox, seccinch};

const KILLS: u32 = 200;
/// A start, and then some polls and flushes, take no longer.
const LONGEST_LIFE: Duration = Duration::from_millis(400);
/// Programs that count all the time, each a workload of its own: a flush writes that many files.
const STEADY: u32 = 6;
/// Calls of the program that is run once for each kill.
const SHORT: u32 = 5;

/// A flush and two polls, with something to spare on a busy machine.
const WRITTEN_WITHIN: Duration = Duration::from_millis(500);

/// What the kills met.
#[derive(Debug, Default)]
struct Met {
    starting: u32,
    counting: u32,
    writing: u32,
}

/// Check that 200 kills at random moments, a quarter of them aimed at the moment between the writing of a file and
/// its rename, leave every file whole. Of programs that call all the time not one call is missing, nor is any
/// counted twice. One that begins and ends within the flush before a kill may be missing.
#[test]
fn two_hundred_kills_lose_nothing() -> Result<()> {
    let _alone = alone();
    sandbox::run(|sandbox| {
        let programs = Programs::create()?;
        let home = Home::create(
            sandbox.dir(),
            "discover = \"none\"\npoll_interval = \"100ms\"",
            &format!("[targets]\nexecutables = [\"{}\"]\nshortest_life = \"0s\"", programs.pattern()),
        )?;
        // Each poll is followed by a flush.
        let fragments = home.config().with_file_name("conf.d");
        fs::create_dir(&fragments)?;
        fs::write(fragments.join("flush.toml"), "flush_interval = \"100ms\"\n")?;
        let short = programs.metronome("short")?;
        // The first daemon, so that the others count from their first call.
        home.start()?.crash()?;
        let mut steady = Vec::new();
        for number in 0..STEADY {
            let program = programs.metronome(&format!("steady-{number}"))?;
            steady.push((workload_of(&program), Metronome::start(&program, 3 + number, "2ms")?));
        }
        let began = Instant::now();
        let met = kill_repeatedly(&home, &short)?;
        eprintln!("{KILLS} kills in {:.1?}: {met:?}", began.elapsed());
        ensure!(met.writing >= KILLS / 20, "too few kills hit a write: {met:?}");

        let daemon = home.start()?;
        let due = steady.into_iter().map(|(id, metronome)| Ok((id, metronome.stop()?)));
        let due = due.collect::<Result<Vec<_>>>()?;
        let left = kernel::Ids::pinned(home.pin())?;
        ensure!(left.is_anything_there(), "a daemon that counts has programs in the kernel");
        daemon.stop()?;
        left.gone()?;
        let state = State::read(&home.state())?;
        ensure!(state.unfinished == 0, "{} files are not finished", state.unfinished);
        for (workload, calls) in due {
            let counted = state.calls(&workload, "getppid")?;
            ensure!(counted == calls, "{workload}: {counted} calls of {calls} were counted\n{}", home.log());
        }
        let counted = state.calls(&workload_of(&short), "getppid")?;
        let all = u64::from(KILLS * SHORT);
        eprintln!("short programs: {counted} calls counted of {all}");
        ensure!(counted <= all, "{counted} calls of {all} were counted");
        Ok(())
    })
}

fn kill_repeatedly(home: &Home, short: &Path) -> Result<Met> {
    let mut random = Random(20_260_607);
    let (mut met, mut counted) = (Met::default(), 0);
    for kill in 0..KILLS {
        let mut daemon = spawn(home)?;
        let life = LONGEST_LIFE.mul_f64(share(&mut random));
        let at = Instant::now() + life;
        let until_short = life.mul_f64(share(&mut random));
        thread::sleep(until_short);
        process::output(Command::new(short).arg(SHORT.to_string()), poll::SOON)?;
        if kill % 20 == 1 {
            thread::sleep(LONGEST_LIFE + WRITTEN_WITHIN);
        } else if kill % 4 == 0 {
            wait_for_write(&home.state(), at + LONGEST_LIFE);
        } else {
            thread::sleep(at.saturating_duration_since(Instant::now()));
        }
        process::signal(daemon.pid(), Signal::SIGKILL)?;
        let code = poll::until("the daemon's end", poll::SOON, || daemon.ended())?;
        ensure!(code == 128 + 9, "the daemon ended with {code} before it was killed:\n{}", home.log());
        let state = State::read(&home.state()).with_context(|| format!("after kill {kill}"))?;
        let now =
            state.baselines.iter().flat_map(|known| &known.roles).flat_map(|role| role.syscalls.values());
        let now = now.map(|seen| seen.counts.total()).sum::<u64>();
        ensure!(now >= counted, "kill {kill}: {counted} calls were on disk, now {now} are");
        let has_counted = now > counted;
        counted = now;
        *match (state.unfinished > 0, has_counted) {
            (true, _) => &mut met.writing,
            (_, true) => &mut met.counting,
            _ => &mut met.starting,
        } += 1;
    }
    Ok(met)
}

fn spawn(home: &Home) -> Result<Process> {
    let log = File::options().create(true).append(true).open(home.config().with_file_name("log"))?;
    let mut command = Command::new(seccinch::program());
    command.arg("daemon").arg("--config").arg(home.config());
    Process::spawn(command.stdout(Stdio::null()).stderr(log))
}

/// Waits until some file is being written, but no longer than that.
fn wait_for_write(state: &Path, deadline: Instant) {
    let is_writing = || {
        let workloads = fs::read_dir(state.join("workloads")).into_iter().flatten().flatten();
        let files =
            workloads.flat_map(|workload| fs::read_dir(workload.path()).into_iter().flatten().flatten());
        files.into_iter().any(|file| file.file_name().to_string_lossy().ends_with(".tmp"))
    };
    while !is_writing() && Instant::now() < deadline {}
}

/// From 0 to 1.
fn share(random: &mut Random) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "32 bits")]
    let share = (random.number() >> 32) as f64 / 2_f64.powi(32);
    share
}
