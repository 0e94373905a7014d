//! The loop: everything that can wake the daemon, and what then happens.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, interval_at};

use super::error::Error;
use super::notify::Manager;
use super::service::Daemon;
use super::writer::Done;
use crate::kernel::Targets;
use crate::sys::{self, Signal, SignalSource};

/// Something that the daemon is asked to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Flush everything, and end.
    End(End),
    /// Read the configuration again; whoever asks is told how that went.
    Reload(Option<oneshot::Sender<Result<String, String>>>),
}

/// What becomes of the programs in the kernel when the daemon ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// They are taken away.
    Detach,
    /// They go on counting, for the next daemon.
    HandOver,
}

/// All that can wake the loop.
#[derive(Debug)]
enum Wake {
    /// It is time to read the counts.
    Tick,
    /// The kernel side tells of something.
    Events,
    /// Somebody asks for something: by a signal, or over the control socket.
    Order(Order),
    /// The writer is through with something.
    Done(Option<Done>),
    /// The service manager wants to hear that we live.
    Heartbeat,
}

impl<K: Targets> Daemon<K> {
    /// Works until it is asked to end; says how.
    pub(super) async fn work(&mut self, mut orders: mpsc::Receiver<Order>) -> Result<End, Error> {
        let copy = self.watcher.as_fd().try_clone_to_owned().and_then(sys::awaitable);
        let events = copy.map_err(Error::start("waiting for the kernel's events"))?;
        let mut ticks = every(self.config.poll_interval);
        let mut heartbeat = Manager::heartbeat().map(interval);
        let mut more = false;
        loop {
            let wake = tokio::select! {
                biased;
                order = orders.recv() => Wake::Order(order.unwrap_or(Order::End(End::Detach))),
                () = beat(heartbeat.as_mut()) => Wake::Heartbeat,
                _ = ticks.tick() => Wake::Tick,
                done = self.writer.done() => Wake::Done(done),
                () = std::future::ready(()), if more => Wake::Events,
                () = readable(&events) => Wake::Events,
            };
            match wake {
                Wake::Tick => self.poll(),
                Wake::Done(done) => self.written(done.ok_or(Error::Writer)?),
                Wake::Events => more = !self.take_events(),
                Wake::Heartbeat => Manager::alive(),
                Wake::Order(Order::End(end)) => return Ok(end),
                Wake::Order(Order::Reload(asker)) => {
                    let outcome = self.reload();
                    ticks = every(self.config.poll_interval);
                    // Whoever asked may be gone.
                    asker.map(|asker| asker.send(outcome));
                }
            }
        }
    }
}

/// From now on, and never two at once for one that was missed.
fn every(period: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Until the service manager wants to hear that we live.
pub(super) async fn beat(heartbeat: Option<&mut Interval>) {
    match heartbeat {
        Some(heartbeat) => drop(heartbeat.tick().await),
        None => std::future::pending().await,
    }
}

/// Until there may be events. Without a way to wait for them, the next poll takes them.
async fn readable(events: &AsyncFd<OwnedFd>) {
    match events.readable().await {
        Ok(mut ready) => ready.clear_ready(),
        Err(_) => std::future::pending().await,
    }
}

/// Turns signals into orders, as long as anybody takes those.
pub(super) async fn follow_signals(signals: SignalSource, orders: mpsc::Sender<Order>) {
    let waiting = signals.as_fd().try_clone_to_owned().and_then(sys::awaitable);
    let Ok(arrived) = waiting.inspect_err(|error| tracing::error!(%error, "signals can't be waited for"))
    else {
        return;
    };
    while let Ok(mut ready) = arrived.readable().await {
        if let Ok(Ok(signal)) = ready.try_io(|_| signals.read())
            && let Some(order) = order(signal)
            && orders.send(order).await.is_err()
        {
            return;
        }
    }
}

fn order(signal: Signal) -> Option<Order> {
    match signal.number {
        libc::SIGHUP => Some(Order::Reload(None)),
        libc::SIGTERM | libc::SIGINT | libc::SIGQUIT => Some(Order::End(End::Detach)),
        libc::SIGUSR1 => Some(Order::End(End::HandOver)),
        _ => None,
    }
}
