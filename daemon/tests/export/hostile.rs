//! A thousand hostile clients at once, while others are answered.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::server::Server;
use crate::views::many;

/// Clients of each kind.
const EACH: usize = 334;

/// The memory of this process that is in RAM.
fn resident_kibibytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the field");
    line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
}

/// A thousand clients have as many descriptors in this process, beside the listener's.
fn allow_descriptors() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit");
    assert!(hard >= 4096, "the hard limit on open files is {hard}: 4096 are needed");
    setrlimit(Resource::RLIMIT_NOFILE, 4096, hard).expect("the limit");
}

fn connected(server: &Server, count: usize) -> Vec<TcpStream> {
    let connect = |_| {
        let stream = server.connect();
        stream.set_write_timeout(Some(Duration::from_secs(5))).expect("a time limit");
        stream
    };
    (0..count).map(connect).collect()
}

/// Sends a byte a second over each.
fn dribble(mut streams: Vec<TcpStream>, is_over: &AtomicBool) {
    let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ";
    for byte in request.iter().cycle() {
        streams.retain_mut(|stream| stream.write_all(&[*byte]).is_ok());
        for _ in 0..20 {
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Sends a mebibyte of fields over each, again and again.
fn flood(server: &Server, is_over: &AtomicBool) {
    let fields = "X-Flood: 0123456789abcdef0123456789abcdef\r\n".repeat(25_000);
    while !is_over.load(Ordering::Relaxed) {
        for mut stream in connected(server, EACH) {
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            // The listener closes while this is under way, which is what it should do.
            drop(stream.write_all(b"GET / HTTP/1.1\r\n"));
            drop(stream.write_all(fields.as_bytes()));
        }
    }
}

/// The longest time by which a task that ticks every 10 ms came late.
fn latest_tick(is_over: &AtomicBool) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let mut latest = Duration::ZERO;
        while !is_over.load(Ordering::Relaxed) {
            let due = Instant::now() + Duration::from_millis(10);
            tokio::time::sleep_until(due.into()).await;
            latest = latest.max(due.elapsed());
        }
        latest
    })
}

/// Runs the test in a process of its own, as the others' memory would be counted as its own. Whether this is
/// that process.
fn is_alone() -> bool {
    const ALONE: &str = "SECCINCH_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let test = "hostile::a_thousand_hostile_clients_delay_nobody";
    let output = command.args(["--exact", test, "--nocapture"]).env(ALONE, "1").output().expect("it runs");
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    eprintln!("{printed}");
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
    false
}

/// Check that half-open connections, clients that send a byte a second, and floods of header fields, a thousand
/// at once, cost bounded memory, and that meanwhile a scrape is answered within a second and another event loop
/// ticks on time.
#[test]
fn a_thousand_hostile_clients_delay_nobody() {
    if !is_alone() {
        return;
    }
    allow_descriptors();
    let server = Server::start(many(100, 60));
    // What a scrape costs by itself is there before.
    assert_eq!(server.get("/metrics").status, 200);
    let before = resident_kibibytes();
    let is_over = AtomicBool::new(false);
    let (slowest, grown, latest) = std::thread::scope(|scope| {
        let ticks = scope.spawn(|| latest_tick(&is_over));
        let _half_open = connected(&server, EACH);
        let dribbled = connected(&server, EACH);
        scope.spawn(|| dribble(dribbled, &is_over));
        scope.spawn(|| flood(&server, &is_over));
        let (mut slowest, mut grown) = (Duration::ZERO, 0);
        for _ in 0..40 {
            let start = Instant::now();
            let answer = server.get("/metrics");
            slowest = slowest.max(start.elapsed());
            assert_eq!(answer.status, 200);
            grown = grown.max(resident_kibibytes().saturating_sub(before));
            std::thread::sleep(Duration::from_millis(100));
        }
        is_over.store(true, Ordering::Relaxed);
        (slowest, grown, ticks.join().expect("the ticks"))
    });
    eprintln!("slowest scrape {slowest:?}, memory grown by {grown} KiB, latest tick {latest:?}");
    assert!(slowest < Duration::from_secs(1), "a scrape took {slowest:?}");
    assert!(grown < 24 * 1024, "memory grew by {grown} KiB");
    assert!(latest < Duration::from_millis(250), "a tick came {latest:?} late");
}
