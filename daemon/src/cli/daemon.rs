//! `seccinch daemon`.

use std::io;
use std::path::PathBuf;

use clap::Args;

use super::exit::{ExitStatus, chain};
use crate::app::control::SocketError;
use crate::app::daemon::config::Place;
use crate::app::daemon::{self, Error};
use crate::{collect, kernel};

/// Count the system calls of every Go service of this host, all the time
///
/// Finds the services, counts each from its first call, learns what it asks of the kernel, keeps its profile up
/// to date, tells when a rule is broken, and shows all of it to Prometheus and to `seccinch status`. SIGTERM ends it
/// and the counting; SIGUSR1 ends it and leaves the counting to the next daemon; SIGHUP reads the configuration again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  seccinch daemon
  seccinch daemon --config ./seccinch.toml
  systemctl start seccinch

Exit status: 0 it was asked to end; 2 the configuration is not usable; 3 this system can't; 1 it failed in a way
that another start may mend (another daemon runs, no room, the port is in use).")]
pub(super) struct DaemonArguments {
    /// The configuration; conf.d/*.toml beside it is read too [default: /etc/seccinch/seccinch.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(arguments: DaemonArguments) -> ExitStatus {
    let place = arguments.config.map_or_else(Place::default, Place::Given);
    match daemon::run(place) {
        Ok(()) => ExitStatus::Done,
        Err(error) => {
            for line in chain(&error).lines() {
                eprintln!("seccinch: {line}");
            }
            of_error(&error)
        }
    }
}

/// 2 and 3 are not mended by another start, and the unit knows that. Everything else is 1.
pub(super) fn of_error(error: &Error) -> ExitStatus {
    match error {
        Error::Config(_) => ExitStatus::Usage,
        Error::Kernel(error) | Error::Collect(collect::Error::Kernel(error)) if never_works(error) => {
            ExitStatus::System
        }
        Error::Rules(_) | Error::Socket(SocketError::Foreign(_)) => ExitStatus::System,
        Error::Listen { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            ExitStatus::System
        }
        _ => ExitStatus::Found,
    }
}

/// Whether this system, or this build, has not what is needed. Too little memory is too little now.
fn never_works(error: &kernel::Error) -> bool {
    use kernel::Error as E;
    let is_refused = matches!(error, E::Load(_) | E::Attach { .. });
    let is_missing = matches!(
        error,
        E::Privilege { .. }
            | E::PidNamespace
            | E::Btf { .. }
            | E::BtfContent { .. }
            | E::NoObject
            | E::Missing { .. }
            | E::NoBpfFileSystem { .. }
    );
    is_missing || (is_refused && !is_short_of_memory(error))
}

fn is_short_of_memory(error: &(dyn std::error::Error + 'static)) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    kind == Some(io::ErrorKind::OutOfMemory) || error.source().is_some_and(is_short_of_memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that only what another start can't mend keeps the service manager from one.
    #[test]
    fn another_start_is_tried_where_it_may_help() {
        let listen = |kind: io::ErrorKind| Error::Listen {
            address: ([127, 0, 0, 1], 9786).into(),
            source: io::Error::from(kind),
        };
        let pin = |source: &str| kernel::Error::Pin {
            doing: "remove",
            path: "/sys/fs/bpf/seccinch".into(),
            source: source.into(),
        };
        let cases = [
            (Error::Kernel(kernel::Error::Privilege { effective: 0 }), ExitStatus::System),
            (Error::Collect(collect::Error::Kernel(kernel::Error::PidNamespace)), ExitStatus::System),
            (Error::Kernel(pin("busy")), ExitStatus::Found),
            (Error::Detach(pin("busy")), ExitStatus::Found),
            (Error::Unwritten, ExitStatus::Found),
            (listen(io::ErrorKind::AddrInUse), ExitStatus::Found),
            (listen(io::ErrorKind::AddrNotAvailable), ExitStatus::Found),
            (listen(io::ErrorKind::PermissionDenied), ExitStatus::System),
            (Error::Socket(SocketError::InUse("/run/x".into())), ExitStatus::Found),
            (Error::Socket(SocketError::Foreign("/run/x".into())), ExitStatus::System),
        ];
        for (error, status) in cases {
            assert_eq!(of_error(&error), status, "{error}");
        }
    }
}
