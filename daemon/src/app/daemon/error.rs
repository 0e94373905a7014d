//! Why the daemon can't start, or ends by itself.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::config::ConfigError;
use crate::app::control::SocketError;
use crate::collect;
use crate::export::http::ServeError;
use crate::kernel;
use crate::learn::rules::RuleError;
use crate::learn::store::StoreError;

/// Why the daemon can't start, or ends by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A built-in rule is broken: a fault of the build.
    #[error("cannot use the built-in rules")]
    Rules(#[from] RuleError),
    /// The state folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The kernel side.
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
    /// What runs can't be looked at.
    #[error(transparent)]
    Collect(#[from] collect::Error),
    /// The control socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// A daemon runs where none may.
    #[error(
        "a seccinch daemon runs (it answers on {}): stop it with `systemctl stop seccinch`, and it takes everything \
         away itself",
        socket.display()
    )]
    Running {
        /// Where it answers.
        socket: PathBuf,
    },
    /// What was learned last could not be written when it was to end.
    #[error(
        "not everything that was learned could be written (see the errors before this one), so the programs stay in \
         the kernel and go on counting: the next daemon goes on from what is written, and `seccinch unload` gives \
         that up"
    )]
    Unwritten,
    /// The same, where nothing is kept in the kernel.
    #[error(
        "not everything that was learned could be written (see the errors before this one), and without `pin` in \
         [kernel] it is lost"
    )]
    Lost,
    /// The thread that writes is gone.
    #[error(
        "the thread that writes what is learned ended by itself (see the errors before this one): start the daemon again"
    )]
    Writer,
    /// The programs can't be taken away.
    #[error("cannot take the programs out of the kernel: `seccinch unload` tries again")]
    Detach(#[source] kernel::Error),
    /// The HTTP address.
    #[error("cannot listen on {address}: {}", advice(.source))]
    Listen {
        /// Which.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The HTTP thread.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The system gives no event loop, thread, or signals.
    #[error("cannot start {what}")]
    Start {
        /// What.
        what: &'static str,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Names what can't be started.
    pub(super) fn start(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Start { what, source }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program has that port; stop it, or set `listen` in [http] to another one, or to \"off\""
        }
        io::ErrorKind::AddrNotAvailable => {
            "this host has no such address; set `listen` in [http] to one that it has"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege; set `listen` in [http] to another"
        }
        _ => "set `listen` in [http] to another address, or to \"off\"",
    }
}
