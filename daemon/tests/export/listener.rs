//! The listener's own paths, and what it refuses.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use seccinch::export::http::Limits;
use seccinch::export::metrics::Budget;
use seccinch::export::view::Problem;

use crate::metrics::{families, full};
use crate::server::Server;
use crate::views::{add, at, empty, many, nr, workload};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Check that the format of the metrics is the one that the client asks for.
#[test]
fn formats_are_negotiated() {
    let server = Server::start(full());
    let plain = server.get("/metrics");
    assert_eq!(plain.status, 200);
    assert_eq!(plain.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(plain.field("content-length"), Some(plain.body.len().to_string().as_str()));
    assert!(!plain.text().contains("# EOF"));
    let open = server.get_with("/metrics", &[("Accept", "application/openmetrics-text;version=1.0.0")]);
    assert_eq!(open.field("content-type"), Some(OPENMETRICS));
    assert!(open.text().ends_with("# EOF\n"));
    assert!(families(plain.text()).contains("seccinch_http_connections_closed_total"));
}

/// Check that a scrape shows the newest view.
#[test]
fn scrapes_follow_the_view() {
    let server = Server::start(empty());
    assert!(!server.get("/metrics").text().contains("seccinch_targets{"));
    let mut view = empty();
    add(&mut view, workload("exe:/a", &[nr("read")]));
    server.view.send_replace(view.into());
    assert!(server.get("/metrics").text().contains("seccinch_targets{workload=\"exe:/a\"} 1"));
}

/// Check that health is told as a status, and what fails as text or JSON.
#[test]
fn health_is_told() {
    let mut view = empty();
    let server = Server::start(view.clone());
    assert_eq!((server.get("/livez").status, server.get("/readyz").status), (200, 200));
    view.health.is_ready = false;
    server.view.send_replace(view.clone().into());
    let starting = server.get("/readyz");
    assert_eq!(starting.status, 503);
    assert!(starting.text().contains("counting has not begun"), "{}", starting.text());
    view.health.is_ready = true;
    let mut problem = Problem {
        part: "state".to_owned(),
        text: "its folder is full: free some room".to_owned(),
        since: at(9),
        is_fatal: false,
    };
    view.health.problems.push(problem.clone());
    server.view.send_replace(view.clone().into());
    let ready = server.get("/readyz");
    assert_eq!(ready.status, 200, "one part fails, the others go on");
    assert!(ready.text().contains("state: its folder is full: free some room"), "{}", ready.text());
    problem.is_fatal = true;
    view.health.problems = vec![problem];
    server.view.send_replace(view.into());
    let json = server.get_with("/readyz", &[("Accept", "application/json")]);
    assert_eq!(json.status, 503);
    assert_eq!(json.json()["format"], "seccinch.ready");
    assert_eq!(json.json()["problems"][0]["part"], "state");
    assert_eq!(server.get("/livez").status, 200);
}

/// Check that HEAD is GET without a body, and that everything else is refused with what to do.
#[test]
fn only_reading_is_answered() {
    let server = Server::start(full());
    let request = |first: &str, rest: &str| {
        server.send(&format!("{first} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{rest}"))
    };
    let head = request("HEAD /metrics", "\r\n");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(head.field("content-length").is_some_and(|length| length != "0"));
    let post = request("POST /metrics", "Content-Length: 0\r\n\r\n");
    assert_eq!((post.status, post.field("allow")), (405, Some("GET, HEAD")));
    assert_eq!(post.field("content-type"), Some("application/problem+json"));
    assert_eq!(post.json()["status"], 405);
    let body = request("GET /metrics", "Content-Length: 5\r\n\r\nhello");
    assert_eq!(body.status, 413);
    assert_eq!(request("GET /metrics", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n").status, 413);
    let nothing = request("GET /metric", "\r\n");
    assert_eq!(nothing.status, 404);
    assert!(nothing.json()["detail"].as_str().is_some_and(|text| text.contains("/metrics")));
    assert_eq!(nothing.json()["instance"], "/metric");
    assert_eq!(request(&format!("GET /{}", "a".repeat(20_000)), "\r\n").status, 431);
    assert_eq!(request("GET /metrics", &format!("A: {}\r\n\r\n", "a".repeat(20_000))).status, 431);
    assert_eq!(request("GET /metrics", &format!("{}\r\n", "A: b\r\n".repeat(100))).status, 431);
    assert_eq!(server.send("hello\r\n\r\n").status, 400);
}

/// Check that several requests are answered over one connection.
#[test]
fn connections_are_kept_alive() {
    let server = Server::start(empty());
    let mut stream = server.connect();
    for _ in 0..3 {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
        let mut bytes = [0; 1024];
        let read = stream.read(&mut bytes).expect("an answer");
        assert!(bytes[..read].starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&bytes[..read]));
    }
}

fn closed(server: &Server, reason: &str) -> u64 {
    let start = format!("seccinch_http_connections_closed_total{{reason=\"{reason}\"}} ");
    // Scrapes of the same view are made once a second.
    server.view.send_replace(empty().into());
    let answer = server.get("/metrics");
    let value = answer.text().lines().find_map(|line| line.strip_prefix(&start)).expect("the reason");
    value.parse().expect("a number")
}

fn impatient() -> Limits {
    let limit = Duration::from_millis(500);
    Limits { connections: 8, request: limit, answer: limit, ..Limits::default() }
}

/// Check that who sends no whole request, and who does not read, is closed in time, and counted.
#[test]
fn slow_clients_are_closed() {
    let budget = Budget { syscall_workloads: 500, max_series: 1_000_000 };
    let server = Server::with(many(500, 300), impatient(), budget, "127.0.0.1:0");
    let mut silent = server.connect();
    let mut half = server.connect();
    half.write_all(b"GET /metrics HTTP/1.1\r\nHost: local").expect("sent");
    let mut lazy = server.connect();
    lazy.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let start = Instant::now();
    for stream in [&mut silent, &mut half] {
        // A reset is an end too.
        drop(stream.read_to_end(&mut Vec::new()));
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    std::thread::sleep(Duration::from_secs(1));
    let mut read = Vec::new();
    drop(lazy.read_to_end(&mut read));
    let whole = server.get("/metrics").body.len();
    assert!(read.len() < whole, "{} of {whole} bytes were kept for it", read.len());
    assert_eq!(closed(&server, "timeout"), 3);
}

/// Check that a full house takes one more by closing who waited longest, and that it is counted.
#[test]
fn room_is_made() {
    let limits = Limits { connections: 4, ..Limits::default() };
    let server = Server::with(empty(), limits, Budget::default(), "127.0.0.1:0");
    let mut waiting: Vec<_> = (0..4).map(|_| server.connect()).collect();
    // The listener has taken all of them when one more is answered.
    assert_eq!(server.get("/livez").status, 200);
    let first = &mut waiting[0];
    assert!(!matches!(first.read(&mut [0; 16]), Ok(1..)), "the first to come is the first to go");
    assert!(closed(&server, "limit") >= 1);
}

/// Check that the listener ends at once, whoever is connected.
#[test]
fn shutdown_is_quick() {
    let server = Server::start(empty());
    let _idle = server.connect();
    assert_eq!(server.get("/livez").status, 200);
    let start = Instant::now();
    drop(server);
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
}
