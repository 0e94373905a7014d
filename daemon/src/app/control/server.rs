//! The daemon's side: bounded in clients, bytes and time, on a thread of its own.

use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;

use super::access::{Peer, Readers};
use super::document::{ERROR, ErrorDocument, ErrorKind, RELOAD, ReloadDocument};
use super::request::Request;
use super::socket::Opened;
use crate::export::api;
use crate::export::view::View;
use crate::files::to_json;

/// Clients at once; root has a few more, which nobody can take from it.
const CLIENTS: usize = 12;
const ROOT_CLIENTS: usize = 4;
/// The longest request: an id has at most 200 bytes.
const MOST_REQUEST_BYTES: usize = 2048;
/// How long a client may take to say what it wants, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// A pause after a failure to accept (no descriptors left), which would fail again at once.
const BREATH: Duration = Duration::from_millis(100);

/// Asks the loop to read the configuration again, and to say how that went.
pub type ReloadRequest = oneshot::Sender<Result<String, String>>;

/// What the server needs.
#[derive(Debug)]
pub struct Options {
    /// What is shown.
    pub views: watch::Receiver<Arc<View>>,
    /// Where requests to reload go.
    pub reloads: mpsc::Sender<ReloadRequest>,
    /// How long a client may take for each half of the exchange; nothing for the usual time.
    pub patience: Option<Duration>,
}

/// The running server. Dropping it ends the thread and takes the socket away.
#[derive(Debug)]
pub struct Control {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Server {
    readers: Readers,
    views: watch::Receiver<Arc<View>>,
    reloads: mpsc::Sender<ReloadRequest>,
    patience: Duration,
    clients: Arc<Semaphore>,
    root_clients: Arc<Semaphore>,
}

impl Control {
    /// Begins to answer.
    pub fn start(opened: Opened, options: Options) -> io::Result<Self> {
        let server = Server {
            readers: Readers { group: opened.group },
            views: options.views,
            reloads: options.reloads,
            patience: options.patience.unwrap_or(PATIENCE),
            clients: Arc::new(Semaphore::new(CLIENTS)),
            root_clients: Arc::new(Semaphore::new(ROOT_CLIENTS)),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("control".to_owned()).spawn(move || {
            runtime.block_on(serve(Arc::new(server), &opened.listener, stopped));
            drop(opened);
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing to give back; had it panicked, that was told when it happened.
            let _ = thread.join();
        }
    }
}

async fn serve(server: Arc<Server>, listener: &StdListener, mut stopped: oneshot::Receiver<()>) {
    let listener = match listener.try_clone().and_then(UnixListener::from_std) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the control socket can't be waited for"),
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => return,
        };
        match accepted {
            Ok((stream, _)) => server.clone().welcome(stream),
            Err(error) => {
                tracing::warn!(%error, "a client of the control socket was lost");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

impl Server {
    fn welcome(self: Arc<Self>, stream: UnixStream) {
        let Some(peer) = Peer::of(&stream) else { return };
        let room = self.clients.clone().try_acquire_owned();
        let room = if peer.is_root() {
            room.or_else(|_| self.root_clients.clone().try_acquire_owned())
        } else {
            room
        };
        let Ok(room) = room else {
            // Whoever takes no answer has none.
            let _ = stream.try_write(&error(ErrorKind::Busy, "too many clients: ask again in a moment"));
            return;
        };
        tokio::spawn(async move {
            self.attend(&stream, &peer).await;
            drop(room);
        });
    }

    async fn attend(&self, stream: &UnixStream, peer: &Peer) {
        let Ok(Some(line)) = timeout(self.patience, request_line(stream)).await else { return };
        let answer = match Request::from_line(&line) {
            Err(problem) => error(ErrorKind::BadRequest, &problem),
            Ok(request) if !self.readers.permit(peer, request.ask()) => error(
                ErrorKind::NotPermitted,
                "only root may change something, and root and the group `seccinch` ask",
            ),
            Ok(request) => self.answer(request).await,
        };
        let _ = timeout(self.patience, write_all(stream, &answer)).await;
    }

    async fn answer(&self, request: Request) -> Vec<u8> {
        let view = self.views.borrow().clone();
        match request {
            Request::Status => bytes(&api::status(&view)),
            Request::Workloads => bytes(&api::workloads(&view)),
            Request::Violations => bytes(&api::violations(&view)),
            Request::Workload(id) => match view.workloads.get(&id) {
                Some(workload) => bytes(&api::workload(workload, view.host.arch)),
                None => error(
                    ErrorKind::UnknownWorkload,
                    &format!("there is no workload `{id}`: see `seccinch workload list`"),
                ),
            },
            Request::Reload => self.reload().await,
        }
    }

    async fn reload(&self) -> Vec<u8> {
        let (reply, replied) = oneshot::channel();
        let sent = self.reloads.try_send(reply).is_ok();
        let outcome =
            if sent { timeout(self.patience, replied).await.ok().and_then(Result::ok) } else { None };
        let Some(outcome) = outcome else {
            return error(ErrorKind::Stopping, "the daemon is busy or stopping: look at its status");
        };
        let successful = outcome.is_ok();
        let (Ok(text) | Err(text)) = outcome;
        bytes(&ReloadDocument { format: RELOAD.format.to_owned(), version: RELOAD.version, successful, text })
    }
}

/// Everything up to the first newline, or to the end of what the client has to say.
async fn request_line(stream: &UnixStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    loop {
        let mut buffer = [0; MOST_REQUEST_BYTES];
        stream.ready(Interest::READABLE).await.ok()?;
        let read = match stream.try_read(&mut buffer) {
            Ok(0) => return (!request.is_empty()).then_some(request),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_) => return None,
        };
        request.extend_from_slice(&buffer[..read]);
        if let Some(end) = request.iter().position(|byte| *byte == b'\n') {
            request.truncate(end);
            return Some(request);
        }
        if request.len() > MOST_REQUEST_BYTES {
            return None;
        }
    }
}

async fn write_all(stream: &UnixStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.ready(Interest::WRITABLE).await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn bytes(document: &impl serde::Serialize) -> Vec<u8> {
    // Types of texts and numbers with text keys have no way to fail.
    to_json(document).unwrap_or_default()
}

fn error(kind: ErrorKind, text: &str) -> Vec<u8> {
    bytes(&ErrorDocument {
        format: ERROR.format.to_owned(),
        version: ERROR.version,
        kind,
        text: text.to_owned(),
    })
}
