//! What real tools of the Prometheus project make of real daemons.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::daemon::{Home, PORT, alone};
use crate::programs::{Metronome, Programs, workload_of};
use crate::support::fixtures::Program;
use crate::support::http::Connection;
use crate::support::process::{self, Process};
use crate::support::sandbox::{self, Sandbox};
use crate::support::{http, poll, seccinch};

const PROMETHEUS: Program = Program::Debian { package: "prometheus", path: "usr/bin/prometheus" };
const PROMTOOL: Program = Program::Debian { package: "prometheus", path: "usr/bin/promtool" };
const SERVED: u16 = 9090;
const SECOND: u16 = 9787;
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0";

/// Call by call, whatever a profile does about it.
type Actions = BTreeMap<String, BTreeSet<String>>;

/// Check that promtool finds nothing to say about a daemon's metrics, that a Prometheus scrapes two daemons as
/// OpenMetrics and has every series, and that what it gives back of a workload that both saw is what `merge` makes of
/// their profiles.
#[test]
fn prometheus_unites_two_daemons() -> Result<()> {
    let _alone = alone();
    sandbox::run(|sandbox| {
        let programs = Programs::create()?;
        let program = programs.metronome("on-two-hosts")?;
        let one = Metronome::start(&program, 3, "20ms")?;
        let other = Metronome::with(&program, &["2", "30ms", "umask"])?;
        let first = home(sandbox, "first", &one, PORT)?;
        let second = home(sandbox, "second", &other, SECOND)?;
        let daemon = first.start()?;
        let _second = start_second(&second)?;
        let workload = workload_of(&program);
        let profiles = [profile(&first, &workload)?, profile(&second, &workload)?];
        promtool_is_content()?;
        let _prometheus = serve(sandbox)?;
        scraped(2)?;
        has_every_series()?;
        unites(sandbox, &workload, &profiles)?;
        daemon.stop()
    })
}

/// A daemon that counts one process only. The other one is another host's to it.
fn home(sandbox: &Sandbox, name: &str, target: &Metronome, port: u16) -> Result<Home> {
    let unique = sandbox.dir().file_name().context("a name")?.to_string_lossy();
    let folder = sandbox.dir().join(format!("{unique}-{name}"));
    fs::create_dir(&folder)?;
    let (pid, head) = (target.pid(), "discover = \"none\"");
    let tables = format!("[targets]\npids = [{pid}]\n[http]\nlisten = \"127.0.0.1:{port}\"");
    Home::create(&folder, head, &tables)
}

fn start_second(home: &Home) -> Result<Process> {
    let log = File::create(home.config().with_file_name("log"))?;
    let mut command = Command::new(seccinch::program());
    command.arg("daemon").arg("--config").arg(home.config()).stdout(Stdio::null()).stderr(log);
    let process = Process::spawn(&mut command)?;
    poll::retry("the second daemon", poll::SOON, || http::get(SECOND, "/readyz")?.expect(200).map(drop))
        .with_context(|| home.log())?;
    Ok(process)
}

/// The newest profile of a workload, once it has what the program does all the time.
fn profile(home: &Home, workload: &str) -> Result<PathBuf> {
    poll::until("a profile", poll::SOON, || {
        let shown = home.ask(&["workload", "show", workload]).unwrap_or_default();
        let generation = shown["generation"]["number"].as_u64();
        let is_whole = shown["rules"].get("getppid").is_some() && shown["syscalls"].as_u64() > Some(3);
        let Some(number) = generation.filter(|_| is_whole) else { return Ok(None) };
        let folders = fs::read_dir(home.state().join("workloads"))?.flatten();
        let name = format!("generations/{number:04}/profile.json");
        Ok(folders.map(|folder| folder.path().join(&name)).find(|path| path.exists()))
    })
    .with_context(|| home.log())
}

fn promtool_is_content() -> Result<()> {
    let metrics = http::get(PORT, "/metrics")?.expect(200)?;
    let mut command = Command::new(PROMTOOL.path()?);
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    child.stdin.take().context("piped")?.write_all(&metrics.body)?;
    let output = child.wait_with_output()?;
    let said = String::from_utf8([output.stdout, output.stderr].concat())?;
    ensure!(output.status.success() && said.is_empty(), "promtool says: {said}");
    Ok(())
}

fn serve(sandbox: &Sandbox) -> Result<Process> {
    let config = format!(
        "global:\n  scrape_interval: 250ms\nscrape_configs:\n- job_name: seccinch\n  static_configs:\n  \
         - targets: [\"127.0.0.1:{PORT}\", \"127.0.0.1:{SECOND}\"]\n"
    );
    let config = sandbox.write("prometheus.yml", &config)?;
    let mut command = sandbox.command(&PROMETHEUS.path()?);
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.tsdb.path={}", sandbox.work().join("data").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{SERVED}"));
    command.stdout(sandbox.open_log()?).stderr(sandbox.open_log()?);
    Process::spawn(&mut command)
}

/// What the Prometheus answers.
fn asked(path: &str) -> Result<Value> {
    let answer = http::get(SERVED, path)?.expect(200)?;
    Ok(serde_json::from_slice::<Value>(&answer.body)?["data"].take())
}

/// Waits until as many daemons are up, and makes sure that they are scraped as OpenMetrics: only there are infos.
fn scraped(daemons: usize) -> Result<()> {
    poll::retry("every daemon to be up", poll::SOON, || {
        let up = asked("/api/v1/query?query=up%20%3D%3D%201")?;
        let count = up["result"].as_array().map_or(0, Vec::len);
        ensure!(count == daemons, "{count} of {daemons} are up");
        let metadata = asked("/api/v1/metadata?metric=seccinch_profile")?;
        let kind = &metadata["seccinch_profile"][0]["type"];
        ensure!(kind == "info", "not OpenMetrics: {metadata}");
        Ok(())
    })
}

fn has_every_series() -> Result<()> {
    let mut connection = Connection::open(PORT)?;
    let answer = connection.request("GET", "/metrics", &[("Accept", OPENMETRICS)], b"")?.expect(200)?;
    let text = answer.text();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let due: BTreeSet<&str> = lines.filter_map(|line| line.split(['{', ' ']).next()).collect();
    ensure!(due.len() > 20, "only {due:?}");
    poll::retry("every series", poll::SOON, || {
        let names = asked("/api/v1/label/__name__/values")?;
        let names: BTreeSet<&str> =
            names.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let missing: Vec<_> = due.difference(&names).collect();
        ensure!(missing.is_empty(), "{missing:?} are missing");
        Ok(())
    })
}

fn unites(sandbox: &Sandbox, workload: &str, profiles: &[PathBuf]) -> Result<()> {
    let each = profiles.iter().map(|path| actions(seccinch_profile(&["convert"]).arg(path)));
    let each = each.collect::<Result<Vec<_>>>()?;
    ensure!(each[0] != each[1], "both hosts saw the same: nothing to unite");
    let merged = actions(seccinch_profile(&["merge"]).args(profiles))?;
    ensure!(!each[0].contains_key("umask") && merged.contains_key("umask"), "{merged:?}");
    let (url, selector) = (format!("http://127.0.0.1:{SERVED}"), format!("workload=\"{workload}\""));
    poll::retry("the profile out of Prometheus", poll::SOON, || {
        let words = ["build", "--from-prometheus", &url, "--match", &selector];
        let found = actions(&mut seccinch_profile(&words))?;
        ensure!(found == merged, "{found:?} of Prometheus is not {merged:?}");
        Ok(())
    })
    .with_context(|| sandbox.last_words())
}

fn seccinch_profile(words: &[&str]) -> Command {
    let mut command = Command::new(seccinch::program());
    command.arg("profile").args(words);
    command
}

/// What the profile that a command prints does about each call.
fn actions(command: &mut Command) -> Result<Actions> {
    let printed = process::output(command.args(["--to", "oci"]), poll::SOON)?;
    let profile: Value = serde_json::from_str(&printed)?;
    let mut actions = Actions::new();
    for rule in profile["syscalls"].as_array().context("rules")? {
        for name in rule["names"].as_array().context("names")? {
            let name = name.as_str().context("a name")?.to_owned();
            let action = format!("{} {}", rule["action"], rule["errnoRet"]);
            actions.entry(name).or_default().insert(action);
        }
    }
    actions.insert("default".to_owned(), BTreeSet::from([profile["defaultAction"].to_string()]));
    Ok(actions)
}
