//! What clients send to the HTTP listener, over a real connection.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a promise that is broken has to end the fuzzer"
)]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use seccinch::export::http::{self, Limits, serve};
use seccinch::export::metrics::Budget;
use seccinch::export::view::View;
use seccinch::model::{Arch, Host, Timestamp};
use tokio::sync::{oneshot, watch};

/// The listener itself closes a connection after ten seconds of silence; machines may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A listener that serves until the process ends.
struct Listener {
    address: SocketAddr,
    _views: watch::Sender<Arc<View>>,
    _shutdown: oneshot::Sender<()>,
}

/// Sends the bytes, and reads what is answered. The listener must live on.
pub fn http(bytes: &[u8]) {
    static LISTENER: OnceLock<Listener> = OnceLock::new();
    let listener = LISTENER.get_or_init(|| listen().expect("a listener on this machine"));
    let stream = send(listener.address, bytes).expect("the listener takes connections");
    // There is no more to come: who does not know that waits for the end of a request.
    let _ = stream.shutdown(Shutdown::Write);
    answer(stream).expect("the connection ends");
    // A listener may drop an answer to who has closed its side; so this one does not.
    let stream = send(listener.address, b"GET /livez HTTP/1.0\r\n\r\n").expect("the listener lives");
    let alive = answer(stream).expect("the listener answers");
    let shown = String::from_utf8_lossy(&alive);
    assert!(shown.starts_with("HTTP/1.0 200"), "the listener answers no more, but: {shown}");
}

fn listen() -> Result<Listener> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let host = Host {
        arch: Arch::NATIVE,
        kernel: "6.12.0".to_owned(),
        clock_source: None,
        seccinch: "1".to_owned(),
    };
    let (views, view) = watch::channel(Arc::new(View::empty(host, Timestamp::from_unix_nanos(0))));
    let (shutdown, end) = oneshot::channel::<()>();
    let end: http::Shutdown = end;
    serve(listener, view, Limits::default(), Budget::default(), end)?;
    Ok(Listener { address, _views: views, _shutdown: shutdown })
}

fn send(address: SocketAddr, bytes: &[u8]) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).context("can't connect")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // A listener that has heard enough closes its side: that is its right.
    let _ = stream.write_all(bytes);
    Ok(stream)
}

fn answer(mut stream: TcpStream) -> Result<Vec<u8>> {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(error).context("no answer in time"),
        _ => Ok(answer),
    }
}
