//! A small HTTP server of the harness itself, for services that fetch from another.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

/// Where it listens.
pub(crate) const PORT: u16 = 8081;

/// A running server, in the network namespace of the thread that started it.
pub(crate) struct Upstream {
    served: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    /// Starts serving.
    pub(crate) fn start() -> Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).context("binding the upstream server's port")?;
        let served = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let (served, stop) = (Arc::clone(&served), Arc::clone(&stop));
            move || accept(&listener, &served, &stop)
        });
        Ok(Self { served, stop, thread: Some(thread) })
    }

    /// Requests answered so far.
    pub(crate) fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread from `accept`; if nobody listens any more, it is gone already.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, PORT)));
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been printed; a drop has nobody to tell.
            drop(thread.join());
        }
    }
}

/// What is served at a path: the metric that a scraper wants, or a text that names the path.
pub(crate) fn content(path: &str) -> String {
    if path == "/metrics" {
        "seccinch_upstream_value 42\n".to_owned()
    } else {
        format!("upstream has {path}\n")
    }
}

fn accept(listener: &TcpListener, served: &Arc<AtomicU64>, stop: &AtomicBool) {
    for stream in listener.incoming() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let served = Arc::clone(served);
        if let Ok(stream) = stream {
            // A client that goes away in the middle is its own business.
            thread::spawn(move || drop(serve(&stream, &served)));
        }
    }
}

fn serve(stream: &TcpStream, served: &AtomicU64) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(request) = lines.next().transpose()? {
        while !lines.next().transpose()?.unwrap_or_default().is_empty() {}
        let path = request.split(' ').nth(1).unwrap_or("/");
        let body = content(path);
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
        served.fetch_add(1, Ordering::Relaxed);
        let mut stream = stream;
        stream.write_all(format!("{head}{body}").as_bytes())?;
    }
    Ok(())
}
