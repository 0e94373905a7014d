//! A real Prometheus: it scrapes, and profiles are read back from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use seccinch::policy::{Condition, DefaultAction, Profile, Rule, Verdict, file};
use serde_json::Value;

use crate::fixtures::{probe, program};
use crate::metrics::full;
use crate::server::Server;
use crate::views::{add, empty, nr, workload, written};

const WEB: &str = "systemd:web.service";
const MATCH: &str = "workload=\"systemd:web.service\"";

/// A Prometheus that scrapes some listeners four times a second. It ends when it is dropped.
struct Prometheus {
    port: u16,
    child: Child,
    folder: tempfile::TempDir,
}

impl Prometheus {
    fn start(targets: &[&Server]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let addresses: Vec<_> = targets.iter().map(|server| format!("\"{}\"", server.address)).collect();
        let config = format!(
            "global:\n  scrape_interval: 250ms\nscrape_configs:\n- job_name: seccinch\n  static_configs:\n  \
             - targets: [{}]\n",
            addresses.join(", ")
        );
        let prometheus = Self::spawn(folder, &config, &[]);
        let count = targets.len().to_string();
        let is_up = |answer: &Value| answer["data"]["result"][0]["value"][1] == count;
        prometheus.until("query?query=count(up%3D%3D1)", is_up);
        prometheus
    }

    fn spawn(folder: tempfile::TempDir, config: &str, more: &[String]) -> Self {
        fs::write(folder.path().join("prometheus.yml"), config).expect("written");
        // Free now; nobody else asks for it in the moment until it is taken.
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let log = fs::File::create(folder.path().join("log")).expect("a file");
        let mut command = Command::new(program("prometheus"));
        command.arg(format!("--config.file={}/prometheus.yml", folder.path().display()));
        command.arg(format!("--storage.tsdb.path={}/data", folder.path().display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}")).args(more);
        let child = command.stdout(Stdio::null()).stderr(log).spawn().expect("it starts");
        Self { port, child, folder }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Asks until the answer is what it should be.
    fn until(&self, path: &str, is_due: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let answer = self.get(path);
            if answer.as_ref().is_some_and(&is_due) {
                return answer.unwrap_or_default();
            }
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < end, "{path} is {answer:?}; {}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn get(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        // HTTP/1.0, so that the body is not in chunks.
        stream.write_all(format!("GET /api/v1/{path} HTTP/1.0\r\n\r\n").as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn seccinch(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seccinch"));
    command.arg("profile").args(arguments).output().expect("the binary runs")
}

/// Reads back from a Prometheus: the status, what was printed, and what was said.
fn from(url: &str, selector: &str) -> (Option<i32>, Vec<u8>, String) {
    let output = seccinch(&["build", "--from-prometheus", url, "--match", selector]);
    (output.status.code(), output.stdout, String::from_utf8(output.stderr).expect("text"))
}

/// Check that a real Prometheus takes everything as OpenMetrics: the target is up, and every family is there.
#[test]
fn a_real_prometheus_scrapes_everything() {
    let server = Server::start(full());
    let prometheus = Prometheus::start(&[&server]);
    let text = server.get("/metrics");
    let series: Vec<&str> = text.text().lines().filter(|line| !line.starts_with('#')).collect();
    let names: BTreeSet<&str> = series.iter().filter_map(|line| line.split(['{', ' ']).next()).collect();
    assert!(names.len() > 25, "{names:?}");
    let known = prometheus.until("label/__name__/values", |answer| answer["data"].is_array());
    let known: BTreeSet<&str> =
        known["data"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
    assert!(names.is_subset(&known), "{:?} are missing", names.difference(&known).collect::<Vec<_>>());
    let scraped = prometheus
        .until("query?query=scrape_samples_scraped", |answer| !answer["data"]["result"][0].is_null());
    assert_eq!(scraped["data"]["result"][0]["value"][1], series.len().to_string());
    // Only OpenMetrics has these names and types.
    for (family, kind) in [("seccinch_syscalls", "counter"), ("seccinch_profile", "info")] {
        let path = format!("targets/metadata?metric={family}");
        let metadata = prometheus.until(&path, |answer| !answer["data"][0].is_null());
        assert_eq!(metadata["data"][0]["type"], kind, "{family}");
    }
}

/// The test profile, without rules that depend on arguments, and without every `nth` of the others.
fn without_every(nth: usize) -> Profile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/web.profile.json");
    let whole = file::parse(&fs::read(path).expect("the profile")).expect("a profile");
    let is_plain = |rule: &Rule| !matches!(rule.verdict(), Verdict::Allow(Condition::When(_)));
    let plain = whole.rules().iter().filter(|(_, rule)| is_plain(rule)).enumerate();
    let kept = plain.filter(|(index, _)| index % nth != 0);
    let rules = kept.map(|(_, (nr, rule))| (*nr, rule.clone())).collect();
    Profile::new(whole.arch(), whole.default_action(), rules).expect("a profile")
}

/// A daemon on a made-up host that has this profile for the same workload.
fn daemon(folder: &Path, profile: &Profile) -> (Server, PathBuf) {
    let mut view = empty();
    let mut web = workload(WEB, &[nr("read")]);
    web.generation = Some(written(&mut view, folder, profile).into());
    add(&mut view, web);
    (Server::start(view), folder.join("profile.json"))
}

fn verdicts(profile: &Profile) -> BTreeMap<u16, Verdict> {
    profile.rules().iter().map(|(nr, rule)| (nr.get(), rule.verdict().clone())).collect()
}

/// Check that what is read back of two daemons equals the merged profiles of the two, in names, actions and the
/// default, and says where each name comes from.
#[test]
fn reading_back_equals_merging() {
    let folder = tempfile::tempdir().expect("a folder");
    let (left, right) = (without_every(3), without_every(2));
    let (first, first_file) = daemon(&folder.path().join("a"), &left);
    let (second, second_file) = daemon(&folder.path().join("b"), &right);
    let prometheus = Prometheus::start(&[&first, &second]);
    let (code, printed, said) = from(&prometheus.url(), MATCH);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let read = file::parse(&printed).expect("a profile");
    let files = [first_file, second_file].map(|path| path.to_str().expect("a path").to_owned());
    let merged = seccinch(&["merge", &files[0], &files[1]]);
    let merged = file::parse(&merged.stdout).expect("a profile");
    assert_eq!(verdicts(&read), verdicts(&merged));
    assert_eq!((read.arch(), read.default_action()), (merged.arch(), merged.default_action()));
    for profile in [&left, &right] {
        assert!(merged.rules().len() > profile.rules().len(), "each has what the other has not");
    }
    assert_eq!(read.provenance().inputs.len(), 2);
    let reasons = |server: &Server| {
        let reason =
            format!("imported: prometheus: instance {}, job seccinch, workload {WEB}", server.address);
        let rules = read.rules().values();
        rules.filter(|rule| rule.reasons().iter().any(|one| one.to_string() == reason)).count()
    };
    assert_eq!((reasons(&first), reasons(&second)), (left.rules().len(), right.rules().len()));
    let instance = format!("{MATCH},instance=\"{}\"", second.address);
    let (_, printed, _) = from(&prometheus.url(), &instance);
    assert_eq!(verdicts(&file::parse(&printed).expect("a profile")), verdicts(&right));
    let options = ["build", "--from-prometheus", &prometheus.url(), "--match", MATCH];
    let killing = seccinch(&[options.as_slice(), &["--default-action", "kill-process"]].concat());
    let killing = file::parse(&killing.stdout).expect("a profile");
    assert_eq!(killing.default_action(), DefaultAction::KillProcess);
    refused(&prometheus);
}

/// What a real Prometheus has not, or does not understand.
fn refused(prometheus: &Prometheus) {
    let (code, printed, said) = from(&prometheus.url(), "workload=\"systemd:other.service\"");
    assert_eq!((code, printed.len()), (Some(2), 0));
    assert!(said.contains("has no profile with workload=\"systemd:other.service\""), "{said}");
    let (code, _, said) = from(&prometheus.url(), "workload=~\"(\"");
    assert_eq!(code, Some(2));
    assert!(said.contains("answered 400") && said.contains("parse error"), "{said}");
    let (code, _, said) = from(&format!("{}/prefix", prometheus.url()), MATCH);
    assert_eq!(code, Some(2));
    assert!(said.contains("answered 404") && said.contains("check the path"), "{said}");
}

/// Check that a daemon that exports no rules is not taken for one whose profile has none, and that limited
/// arguments are said to be lost.
#[test]
fn what_is_not_exported_is_told() {
    let mut limited = full();
    // The other workload has no profile, and nothing to tell.
    std::sync::Arc::make_mut(&mut limited.workloads).retain(|id, _| id.to_string() == WEB);
    let limited = Server::start(limited);
    let prometheus = Prometheus::start(&[&limited]);
    let (code, _, said) = from(&prometheus.url(), MATCH);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("warning: the daemons limit the arguments of socket,"), "{said}");
    drop(prometheus);
    let budget = seccinch::export::metrics::Budget { syscall_workloads: 0, max_series: 10_000 };
    let limits = seccinch::export::http::Limits::default();
    let small = Server::with(full(), limits, budget, "127.0.0.1:0");
    let prometheus = Prometheus::start(&[&small]);
    let (code, printed, said) = from(&prometheus.url(), MATCH);
    assert_eq!((code, printed.len()), (Some(2), 0));
    assert!(said.contains("its rules are not exported: raise `syscall_workloads`"), "{said}");
}

/// A server that says this once to whoever asks.
fn saying(answer: impl FnOnce(&mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).is_ok_and(|read| read > 0), "a request");
        answer(&mut stream);
    });
    url
}

/// Check that everything that is no Prometheus is told apart, and nothing is written.
#[test]
fn what_is_no_prometheus_is_told() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("http://{}", listener.local_addr().expect("an address"))
    };
    let page = |status: &'static str, body: &'static str| {
        saying(move |stream| {
            let length = body.len();
            let text = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
            stream.write_all(text.as_bytes()).expect("sent");
        })
    };
    let endless = saying(|stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n"));
        let zeros = vec![b' '; 1024 * 1024];
        while stream.write_all(&zeros).is_ok() {}
    });
    for (url, code, text) in [
        (closed, 3, "check that it runs and can be reached from here"),
        (page("200 OK", "<html>"), 2, "does not answer as a Prometheus does"),
        (page("401 Unauthorized", ""), 2, "it wants to know who asks"),
        (page("502 Bad Gateway", "no\nbackend"), 2, "answered 502: no backend"),
        (endless, 2, "more than 64 MiB"),
        ("prometheus:9090".to_owned(), 2, "begin it with http:// or https://"),
    ] {
        let (ended, printed, said) = from(&url, MATCH);
        assert_eq!((ended, printed.len()), (Some(code), 0), "{text}: {said}");
        assert!(said.contains(text), "{text}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

/// Check that wrong arguments are refused before anybody is asked.
#[test]
fn wrong_arguments_are_refused() {
    for (arguments, text) in [
        (
            &["--from-prometheus", "http://a", "--match", "workload=web"][..],
            "there is no quoted value at column 10",
        ),
        (&["--from-prometheus", "http://a"], "--match"),
        (&["--match", MATCH], "--from-prometheus"),
        (&["--from-prometheus", "http://a", "--match", MATCH, "x.json"], "cannot be used with"),
        (&["--from-prometheus", "http://a", "--match", MATCH, "--no-arguments"], "cannot be used with"),
        (&[], "<OBSERVATIONS>"),
    ] {
        let output = seccinch(&[&["build"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(text), "{arguments:?}: {said}");
    }
}

/// Check that a Prometheus is asked over TLS, and only if its certificate is from an authority that the system
/// trusts.
#[test]
fn certificates_are_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    let made = Command::new(probe()).arg("certificates").arg(&path).status().expect("it runs");
    assert!(made.success(), "no certificates");
    let web = format!("tls_server_config:\n  cert_file: {path}/cert.pem\n  key_file: {path}/key.pem\n");
    fs::write(folder.path().join("web.yml"), web).expect("written");
    let options = [format!("--web.config.file={path}/web.yml")];
    let prometheus = Prometheus::spawn(folder, "scrape_configs: []\n", &options);
    let url = format!("https://127.0.0.1:{}", prometheus.port);
    let ask = |trusted: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seccinch"));
        command.args(["profile", "build", "--from-prometheus", &url, "--match", MATCH]);
        if trusted {
            command.env("SSL_CERT_FILE", format!("{path}/ca.pem"));
        }
        let output = command.output().expect("the binary runs");
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    };
    let end = Instant::now() + Duration::from_secs(30);
    let (code, said) = loop {
        let (code, said) = ask(true);
        if code != Some(3) || Instant::now() > end {
            break (code, said);
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(code == Some(2) && said.contains("has no profile with"), "{said}");
    let (code, said) = ask(false);
    assert!(code == Some(3) && said.contains("certificate"), "{said}");
}
