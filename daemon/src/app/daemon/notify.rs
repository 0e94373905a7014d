//! What the service manager is told (`sd_notify(3)`), if one listens.

use std::time::Duration;

use sd_notify::NotifyState;

/// The service manager's ear. Without one, nothing is said.
#[derive(Debug, Default)]
pub(super) struct Manager {
    status: String,
}

impl Manager {
    /// How often it wants to hear that we live; nothing if it does not. Half of its patience.
    pub(super) fn heartbeat() -> Option<Duration> {
        sd_notify::watchdog_enabled().map(|patience| patience / 2).filter(|period| !period.is_zero())
    }

    /// Counting has begun.
    pub(super) fn ready() {
        say(&[NotifyState::Ready]);
    }

    /// We live.
    pub(super) fn alive() {
        say(&[NotifyState::Watchdog]);
    }

    /// The configuration is being read again; [`Self::ready`] ends that.
    pub(super) fn reloading() {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => say(&[NotifyState::Reloading, now]),
            Err(_) => say(&[NotifyState::Reloading]),
        }
    }

    /// The end has begun.
    pub(super) fn stopping() {
        say(&[NotifyState::Stopping]);
    }

    /// One line of how it goes, said only when it is another.
    pub(super) fn status(&mut self, status: String) {
        if status != self.status {
            say(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }
}

fn say(words: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(words) {
        tracing::debug!(%error, "the service manager does not listen");
    }
}
