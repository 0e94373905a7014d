//! Who broke a rule: the function, the line and the goroutine, as the program itself says.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::daemon::{self, Home};
use crate::support::fixtures::Program;
use crate::support::sandbox;
use crate::support::{poll, process, seccinch};

/// `[[rule]]`s about calls that the program makes on goroutines of their own, each in another way.
const TABLES: &str = "[targets]\nexecutables = [\"*/stacks-*\"]\n\
    [[rule]]\nname = \"no-uid\"\nsyscalls = [\"getuid\"]\nover = 0\nper = \"1s\"\nthen = \"report\"\n\
    [[rule]]\nname = \"no-euid\"\nsyscalls = [\"geteuid\"]\nover = 0\nper = \"1s\"\nthen = \"report\"\n";
/// Of these rules.
const WINDOW: Duration = Duration::from_secs(1);
/// The calls that they are about.
const CALLS: [&str; 2] = ["getuid", "geteuid"];

/// Who made a call, as the program says.
#[derive(Debug)]
struct Said {
    goroutine: u64,
    function: String,
    line: u64,
}

/// Check that a rule that a Go program breaks is told with the function that did, and its goroutine, though the
/// program has no symbols and has ended by the time anybody asks.
#[test]
fn who_broke_a_rule_is_told() -> Result<()> {
    let _alone = daemon::alone();
    sandbox::run(|sandbox| {
        let home = Home::create(sandbox.dir(), "discover = \"none\"\npoll_interval = \"1s\"", TABLES)?;
        let daemon = home.start()?;
        for variant in ["go1.19-cgo0-stripped", "go1.27-cgo0-stripped"] {
            broken_by(&home, variant).with_context(|| variant)?;
        }
        daemon.stop()
    })
}

/// Before the first run the daemon does not know the program, and not where it keeps its goroutines. Rules are told of
/// once a window, so there may be more than one run after that.
fn broken_by(home: &Home, variant: &'static str) -> Result<()> {
    let program = Program::Go { program: "stacks", variant }.path()?;
    let id = format!("exe:{}", program.display());
    process::output(&mut Command::new(&program), poll::SOON)?;
    for call in CALLS {
        poll::retry("the rule broken once", poll::SOON, || {
            caller_of(home, &id, call, SystemTime::UNIX_EPOCH)
        })
        .with_context(|| home.log())?;
    }
    for call in CALLS {
        let (said, caller) =
            poll::retry("the rule broken again", poll::SOON, || again(home, &program, &id, call))
                .with_context(|| home.log())?;
        let Said { goroutine, function, line } = said.get(call).context("the program says who")?;
        ensure!(caller["function"] == *function && caller["package"] == "main", "{call}, {said:?}: {caller}");
        ensure!(caller["goroutine"] == *goroutine && caller["line"] == *line, "{call}, {said:?}: {caller}");
        ensure!(caller["this_call"] == true, "{call}: {caller}");
        let file = caller["file"].as_str().context("a file")?;
        ensure!(file.ends_with("ways.go"), "{call}: {caller}");
        let frames = caller["frames"].as_array().context("frames")?;
        ensure!(frames.iter().any(|frame| frame["function"] == *function), "{call}: {frames:?}");
        let by = format!("{function} (ways.go:{line})");
        ensure!(caller["by"] == by, "{call}: {caller}");
        ensure!(shown(home)?.contains(&format!("by {by}, goroutine {goroutine}\n")), "{}", shown(home)?);
        let told = |line: &str| line.contains("who broke the rule") && line.contains(&by);
        ensure!(home.log().lines().any(told), "{}", home.log());
    }
    Ok(())
}

/// Runs the program; which goroutine it says made each call, and who the daemon says made this one.
fn again(home: &Home, program: &Path, id: &str, call: &str) -> Result<(BTreeMap<String, Said>, Value)> {
    let began = SystemTime::now();
    let said = process::output(&mut Command::new(program), poll::SOON)?;
    let said = said.lines().filter_map(self::said).collect();
    let caller = poll::retry("who broke the rule", WINDOW * 3, || caller_of(home, id, call, began))?;
    Ok((said, caller))
}

/// A line of the program: the call, the goroutine, and the way there, of which the first place is behind the call.
fn said(line: &str) -> Option<(String, Said)> {
    let mut words = line.split('\t');
    let (name, goroutine) = (words.next()?, words.next()?.parse().ok()?);
    let (function, line) = words.next()?.rsplit_once(':')?;
    let line = line.parse::<u64>().ok()?.checked_sub(1)?;
    Some((name.to_owned(), Said { goroutine, function: function.to_owned(), line }))
}

/// Who broke the rule since then.
fn caller_of(home: &Home, id: &str, call: &str, since: SystemTime) -> Result<Value> {
    let found = home.ask(&["finding", "list"])?;
    let findings = found["violations"].as_array().context("violations")?;
    let is_its = |one: &&Value| {
        let time = one["time"].as_str().and_then(|time| humantime::parse_rfc3339(time).ok());
        one["syscall"] == call && one["workload"] == id && time > Some(since)
    };
    let newest = findings.iter().rev().find(is_its).context("it is listed")?;
    ensure!(newest["caller"]["this_call"] == true, "not yet: {newest}");
    Ok(newest["caller"].clone())
}

/// What a person is shown.
fn shown(home: &Home) -> Result<String> {
    let mut command = Command::new(seccinch::program());
    command.args(["finding", "list", "--socket"]).arg(home.socket());
    process::output(&mut command, poll::SOON)
}
