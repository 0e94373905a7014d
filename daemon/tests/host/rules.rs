//! Rules, from the call that breaks one to the profile without it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::daemon::{self, Home};
use crate::learned::{self, Generation};
use crate::odd::{self, Odd};
use crate::support::poll;
use crate::support::sandbox;

const HEAD: &str = "discover = \"none\"\npoll_interval = \"1s\"";
/// How soon a call that no target may make is told of.
const AT_ONCE: Duration = Duration::from_millis(100);

fn tables(over: u64) -> String {
    format!(
        "[targets]\nexecutables = [\"*/odd-*\"]\n[[rule]]\nname = \"no-debugging\"\nsyscalls = [\"ptrace\"]\n\
         over = {over}\nper = \"1h\"\nthen = \"deny\"\n"
    )
}

/// When the daemon wrote this line of its log, in nanoseconds since 1970.
fn logged(line: &str) -> Result<u64> {
    let time = line.split_whitespace().next().context("a line begins with its time")?;
    let time = humantime::parse_rfc3339(time).with_context(|| format!("the time of {line:?}"))?;
    Ok(u64::try_from(time.duration_since(std::time::UNIX_EPOCH)?.as_nanos())?)
}

impl Generation {
    /// Fails unless the call is not in it, for this rule.
    fn refuses(&self, name: &str, rule: &str) -> Result<()> {
        ensure!(!self.allows(name)?, "{} allows {name}", self.folder.display());
        let changes = self.read("changes.json")?;
        let refused = changes["refused"].as_array().context("what rules keep out")?;
        let reasons = refused.iter().find(|one| one["syscall"] == name).map(|one| &one["reasons"]);
        let is_named = reasons.and_then(Value::as_array).is_some_and(|reasons| {
            reasons.iter().filter_map(Value::as_str).any(|reason| reason.contains(&format!("rule:{rule}")))
        });
        ensure!(is_named, "not refused for rule:{rule}: {changes}");
        let profile = self.read("profile.json")?;
        let reasons = profile["refused"][name].as_array().context("why it is not in the profile")?;
        let is_named = reasons.iter().any(|reason| reason["rule"]["name"] == rule);
        ensure!(is_named, "another reason in profile.json: {reasons:?}");
        Ok(())
    }
}

/// Check that a call that no target may make is told of within 100 ms, and never gets into a profile.
#[test]
fn a_forbidden_call_is_told_of_at_once() -> Result<()> {
    /// So many that polls, once a second, can't tell of each so soon by chance.
    const PROGRAMS: usize = 6;
    let _alone = daemon::alone();
    sandbox::run(|sandbox| {
        let home = Home::create(sandbox.dir(), HEAD, &tables(0))?;
        let daemon = home.start()?;
        let original = odd::compile(&sandbox.dir().join("odd"))?;
        let mut latencies = Vec::new();
        for number in 0..PROGRAMS {
            let program = sandbox.dir().join(format!("odd-{number}"));
            latencies.push(forbidden(&home, &original, &program)?);
        }
        daemon.stop()?;
        println!("told of within {latencies:?}");
        latencies.sort();
        // One may be late on a busy machine, but by polls alone half of them would be.
        ensure!(latencies[PROGRAMS / 2] <= AT_ONCE, "told of only after {latencies:?}");
        Ok(())
    })
}

/// Has a program make the call; how long after that the log told of it.
fn forbidden(home: &Home, original: &Path, program: &Path) -> Result<Duration> {
    // By another process: a program that somebody holds open for writing, as a fork of ours might, can't run.
    let mut copy = std::process::Command::new("cp");
    crate::support::process::output(copy.arg(original).arg(program), poll::SOON)?;
    let id = format!("exe:{}", program.display());
    let mut running = Odd::start(program, &["trace-when-told"])?;
    // The workload has a profile before.
    poll::retry("a first profile", poll::SOON, || Generation::newest(home, &id).map(drop))?;
    running.tell()?;
    let called = running.number()?;
    let told = poll::until("the violation in the log", poll::SOON, || {
        let log = home.log();
        let of = format!("workload={id} ");
        let line = log.lines().find(|line| line.contains("rule broken") && line.contains(&of));
        line.map(logged).transpose()
    })?;
    let found = home.ask(&["finding", "list"])?;
    let findings = found["violations"].as_array().context("violations")?;
    let its = findings.iter().find(|one| one["workload"] == id.as_str()).context("it is listed")?;
    ensure!(
        its["rule"] == "no-debugging" && its["syscall"] == "ptrace" && its["then"] == "deny",
        "listed as {its}"
    );
    let is_refused = || Generation::newest(home, &id)?.refuses("ptrace", "no-debugging");
    learned::is_written(home, &id, |baseline| learned::count(baseline, "ptrace") == 1)?;
    // Another call is new, so that there is another generation.
    poll::retry("a next profile without the call", poll::SOON, is_refused).with_context(|| home.log())?;
    ensure!(Generation::newest(home, &id)?.allows("getsid")?, "the call after it is not in the next profile");
    running.finish()?;
    Ok(Duration::from_nanos(told.saturating_sub(called)))
}

/// Check that a call that was tolerated, and in the profile, leaves the next one when it is made too often.
#[test]
fn a_call_made_too_often_leaves_the_profile() -> Result<()> {
    let _alone = daemon::alone();
    sandbox::run(|sandbox| {
        let home = Home::create(sandbox.dir(), HEAD, &tables(2))?;
        let daemon = home.start()?;
        let program = odd::compile(&sandbox.dir().join("odd-1"))?;
        let id = format!("exe:{}", program.display());
        let mut running = Odd::start(&program, &["trace-when-told"])?;
        for _ in 0..2 {
            running.tell()?;
            running.number()?;
        }
        poll::retry("a profile that allows it", poll::SOON, || {
            ensure!(Generation::newest(&home, &id)?.allows("ptrace")?, "not yet");
            Ok(())
        })?;
        running.tell()?;
        running.number()?;
        let is_refused = || {
            let newest = Generation::newest(&home, &id)?;
            newest.refuses("ptrace", "no-debugging")?;
            let changes = newest.read("changes.json")?;
            let removed = changes["removed"].as_array().context("what is gone")?;
            ensure!(removed.iter().any(|one| one["syscall"] == "ptrace"), "{changes}");
            Ok(())
        };
        poll::retry("the call out of the profile", poll::SOON, is_refused).with_context(|| home.log())?;
        running.finish()?;
        daemon.stop()?;
        ensure!(learned::count(&learned::baseline(&home, &id)?, "ptrace") == 3, "it was observed");
        Ok(())
    })
}
