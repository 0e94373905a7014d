//! A listener on a port of its own, and a client that sends what it is told to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use seccinch::export::http::{Limits, serve};
use seccinch::export::metrics::Budget;
use seccinch::export::view::View;
use tokio::sync::{oneshot, watch};

/// A running listener. It ends when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) view: watch::Sender<Arc<View>>,
    shutdown: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What a server said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Server {
    pub(crate) fn start(view: View) -> Self {
        Self::with(view, Limits::default(), Budget::default(), "127.0.0.1:0")
    }

    pub(crate) fn with(view: View, limits: Limits, budget: Budget, listen: &str) -> Self {
        let listener = TcpListener::bind(listen).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (view, receiver) = watch::channel(Arc::new(view));
        let (shutdown, ends) = oneshot::channel();
        let thread = serve(listener, receiver, limits, budget, ends).expect("a thread");
        Self { address, view, shutdown: Some(shutdown), thread: Some(thread) }
    }

    /// Gets a path under the listener's own name.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    /// Gets a path with more fields.
    pub(crate) fn get_with(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let host = format!("127.0.0.1:{}", self.address.port());
        let fields =
            fields.iter().fold(String::new(), |fields, (name, value)| fields + name + ": " + value + "\r\n");
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\n"))
    }

    /// Sends these bytes and reads until the end.
    pub(crate) fn send(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).expect("sent");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer");
        Answer::parse(&bytes)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shutdown.take());
        let ended = self.thread.take().expect("a thread").join();
        assert!(ended.is_ok(), "the listener's thread panicked");
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}
