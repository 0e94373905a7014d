//! The thread that serves.

use std::convert::Infallible;
use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{oneshot, watch};

use super::answer::Problem;
use super::connections::{Activity, Closed, Connections};
use super::routes::Asked;
use super::scrapes::Scrapes;
use super::stream::Stream;
use crate::export::metrics::{Budget, Exporter};
use crate::export::view::View;

/// When no descriptor is left, the next attempt is made so much later.
const PAUSE: Duration = Duration::from_millis(100);
/// Connections that the kernel keeps until they are taken.
const QUEUE: u32 = 1024;

/// What clients may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. One more closes the one that has sent no request for longest.
    pub connections: usize,
    /// Bytes of a request's head; at least 8 KiB.
    pub head_bytes: usize,
    /// Fields of a request's head.
    pub head_fields: usize,
    /// From the end of one answer, or the beginning, to the end of the next request.
    pub request: Duration,
    /// From the first byte of an answer until the system has taken the last.
    pub answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 128,
            head_bytes: 16 * 1024,
            head_fields: 64,
            request: Duration::from_secs(10),
            answer: Duration::from_secs(10),
        }
    }
}

/// Ends the listener when something is sent, or when its other half is dropped.
pub type Shutdown = oneshot::Receiver<()>;

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The system gives it no thread or event loop.
    #[error("cannot start the HTTP listener's thread")]
    Start(#[source] io::Error),
    /// The socket is not usable.
    #[error("cannot use the HTTP listener's socket")]
    Socket(#[source] io::Error),
}

struct Server {
    address: SocketAddr,
    limits: Limits,
    view: watch::Receiver<Arc<View>>,
    connections: Connections,
    scrapes: Mutex<Scrapes>,
}

/// Serves on a listener until shutdown, on a thread of its own, which ends then.
pub fn serve(
    listener: std::net::TcpListener,
    view: watch::Receiver<Arc<View>>,
    limits: Limits,
    budget: Budget,
    shutdown: Shutdown,
) -> Result<JoinHandle<()>, ServeError> {
    listener.set_nonblocking(true).map_err(ServeError::Socket)?;
    let server = Arc::new(Server {
        address: listener.local_addr().map_err(ServeError::Socket)?,
        limits,
        view,
        connections: Connections::new(limits.connections),
        scrapes: Mutex::new(Scrapes::new(Exporter::new(budget, Path::new("/proc/self")))),
    });
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ServeError::Start)?;
    let registered = {
        let _guard = runtime.enter();
        with_queue(listener).map_err(ServeError::Socket)?
    };
    let run = move || {
        runtime.block_on(async {
            tokio::select! {
                () = server.accept(&registered) => {}
                _ = shutdown => {}
            }
        });
    };
    thread::Builder::new().name("http".to_owned()).spawn(run).map_err(ServeError::Start)
}

impl Server {
    async fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    self.take(stream);
                    // Lets who was closed go, and who is connected be read.
                    tokio::task::yield_now().await;
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    tracing::debug!(%error, "no connection can be taken");
                    self.connections.out_of_descriptors();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn take(self: &Arc<Self>, stream: TcpStream) {
        let (id, activity) = self.connections.open();
        let server = Arc::clone(self);
        let task = tokio::spawn(async move {
            let why = server.converse(stream, activity).await;
            server.connections.ended(id, why);
        });
        self.connections.served_by(id, task.abort_handle());
    }

    /// Answers requests until the client or a limit ends it.
    async fn converse(self: &Arc<Self>, stream: TcpStream, activity: Arc<Activity>) -> Option<Closed> {
        let io = Stream::new(stream, Arc::clone(&activity), self.limits.answer);
        let service = service_fn(|request: Request<Incoming>| {
            activity.answering();
            std::future::ready(Ok::<_, Infallible>(self.answer(&request)))
        });
        let ended = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.request)
            .max_buf_size(self.limits.head_bytes.max(8 * 1024))
            .max_headers(self.limits.head_fields)
            .serve_connection(io, service)
            .await;
        ended.err().and_then(|error| why_closed(&error))
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let problem =
                Problem::new(StatusCode::METHOD_NOT_ALLOWED, "nothing can be changed here: use GET or HEAD");
            return problem.answer(path).allowing("GET, HEAD").closing().into_response();
        }
        if !request.body().is_end_stream() {
            let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "send no body: nothing here takes one");
            return problem.answer(path).closing().into_response();
        }
        let view = Arc::clone(&self.view.borrow());
        let asked =
            Asked { uri: request.uri(), headers: request.headers(), listener: self.address, view: &view };
        // Nothing there panics half-way, so what a poisoned lock holds is whole.
        let mut scrapes = self.scrapes.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = asked.answer(&mut scrapes, &self.connections);
        answer.unwrap_or_else(|problem| problem.answer(path)).into_response()
    }
}

/// The listener with a longer queue: listen(2) may be called again. Where the queue is full, the kernel lets the
/// next client wait for a second before it tries once more, and a scrape must not.
fn with_queue(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    let socket = std::net::TcpStream::from(OwnedFd::from(listener));
    TcpSocket::from_std_stream(socket).listen(QUEUE)
}

/// Errors of accept(2) that belong to one connection that is gone already.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Which limit a connection ran into; nothing if the client simply went away.
fn why_closed(error: &hyper::Error) -> Option<Closed> {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    if error.is_timeout() || source.is_some_and(|source| source.kind() == io::ErrorKind::TimedOut) {
        return Some(Closed::Timeout);
    }
    error.is_parse().then_some(Closed::Malformed)
}
