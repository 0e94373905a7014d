//! When a recording ends.

use std::os::fd::OwnedFd;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

use super::error::Error;
use crate::sys::{self, Signal};

/// How long a command may take to end after it was asked to, when the duration is over.
const GRACE: Duration = Duration::from_secs(10);

/// What ends a recording, and what has been done to that end.
pub(super) struct Ending {
    pub(super) deadline: Option<Instant>,
    pub(super) with_targets: bool,
    command: Option<Running>,
}

/// A command that was started, and still runs as far as we know.
struct Running {
    child: Child,
    pidfd: AsyncFd<OwnedFd>,
    asked_by_deadline: bool,
    interrupted: bool,
}

impl Ending {
    /// Ends after this long, or never by itself.
    pub(super) fn after(duration: Option<Duration>) -> Self {
        let deadline = duration.and_then(|duration| Instant::now().checked_add(duration));
        Self { deadline, with_targets: false, command: None }
    }

    /// Ends when this command does.
    pub(super) fn when_command_ends(&mut self, child: Child) -> Result<(), Error> {
        let waiting = |source| Error::Wait { what: "the command", source };
        let pidfd = sys::pidfd_open(child.id()).and_then(sys::awaitable).map_err(waiting)?;
        self.command = Some(Running { child, pidfd, asked_by_deadline: false, interrupted: false });
        Ok(())
    }

    /// Ends when no target is left.
    pub(super) fn when_targets_end(&mut self) {
        self.with_targets = true;
    }

    /// Waits for the command's end; for ever if there is none.
    pub(super) async fn command_ended(&self) {
        match &self.command {
            // A descriptor that can't be waited for says so at once; `wait` then blocks until the end.
            Some(running) => drop(running.pidfd.readable().await),
            None => std::future::pending().await,
        }
    }

    /// Reaps the command, if there is one.
    pub(super) fn reap(&mut self) -> Result<Option<ExitStatus>, Error> {
        let Some(running) = &mut self.command else { return Ok(None) };
        running.child.wait().map(Some).map_err(|source| Error::Wait { what: "the command", source })
    }

    /// The duration is over: whether the recording ends now. A command is asked to end first, so that its
    /// shutdown is recorded too; if it will not, it is killed.
    pub(super) fn deadline_passed(&mut self) -> bool {
        let Some(running) = &mut self.command else { return true };
        let signal = if running.asked_by_deadline { libc::SIGKILL } else { libc::SIGTERM };
        running.asked_by_deadline = true;
        self.deadline = Some(Instant::now() + GRACE);
        self.pass_on(signal);
        false
    }

    /// A signal came: whether the recording ends now. A command gets the signals that only we got; Ctrl-C
    /// went to the whole foreground group. A second Ctrl-C ends what would not.
    pub(super) fn signalled(&mut self, signal: Signal) -> bool {
        let Some(running) = &mut self.command else { return signal.asks_to_end() };
        if !signal.from_terminal {
            self.pass_on(signal.number);
        } else if signal.number == libc::SIGINT && std::mem::replace(&mut running.interrupted, true) {
            self.pass_on(libc::SIGKILL);
        }
        false
    }

    fn pass_on(&self, signal: i32) {
        if let Some(running) = &self.command {
            // It may have ended meanwhile, which is what is waited for anyway.
            let _ = sys::pidfd_signal(running.pidfd.get_ref(), signal);
        }
    }
}
