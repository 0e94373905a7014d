//! The loop of a recording: everything that can wake it, and what then happens.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitStatus;
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::ending::Ending;
use super::error::Error;
use super::status::StatusLine;
use crate::collect::Session;
use crate::sys::{self, Signal, SignalSource};

/// How often counts are read: the precision of `last seen`, and of the phases.
const POLL: Duration = Duration::from_millis(200);

/// All that can wake the loop.
enum Wake {
    Tick,
    Events,
    Signal(Signal),
    Deadline,
    CommandEnded,
}

/// Follows the targets until the recording ends; says how the command ended, if there was one.
pub(super) async fn watch(
    session: &mut Session,
    mut ending: Ending,
    signals: &SignalSource,
    status: &StatusLine,
) -> Result<Option<ExitStatus>, Error> {
    let waiting = |what| move |source| Error::Wait { what, source };
    let events = awaitable_copy(session).map_err(waiting("kernel events"))?;
    let arrived = awaitable_copy(signals).map_err(waiting("signals"))?;
    let mut ticks = interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let wake = tokio::select! {
            () = ending.command_ended() => Wake::CommandEnded,
            signal = next_signal(signals, &arrived) => Wake::Signal(signal.map_err(waiting("signals"))?),
            () = until(ending.deadline) => Wake::Deadline,
            ready = events.readable() => { ready.map_err(waiting("kernel events"))?.clear_ready(); Wake::Events }
            _ = ticks.tick() => Wake::Tick,
        };
        let over = match wake {
            Wake::Tick => {
                session.poll()?;
                status.show(|| session.progress());
                ending.with_targets && !session.has_live_main()
            }
            Wake::Events => {
                session.drain_events();
                ending.with_targets && !session.has_live_main()
            }
            Wake::Signal(signal) => ending.signalled(signal),
            Wake::Deadline => ending.deadline_passed(),
            Wake::CommandEnded => true,
        };
        if over {
            status.clear();
            return ending.reap();
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn awaitable_copy(source: &impl AsFd) -> io::Result<AsyncFd<OwnedFd>> {
    source.as_fd().try_clone_to_owned().and_then(sys::awaitable)
}

async fn next_signal(signals: &SignalSource, arrived: &AsyncFd<OwnedFd>) -> io::Result<Signal> {
    loop {
        let mut ready = arrived.readable().await?;
        if let Ok(signal) = ready.try_io(|_| signals.read()) {
            return signal;
        }
    }
}
