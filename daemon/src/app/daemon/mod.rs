//! `seccinch daemon`: every service that is looked for, counted from its first call, all the time.
//!
//! In: a configuration. Out: baselines and profiles on disk, and a [`View`](crate::export::view::View) that HTTP
//! and the control socket show. One loop on one thread; whoever asks is answered by other threads, and another one
//! writes. A part that fails is a problem that is shown, and stops no other.

mod clock;
pub mod config;
mod disk;
mod error;
mod flush;
mod health;
mod known;
mod notify;
mod profiles;
mod reload;
mod service;
mod start;
#[cfg(test)]
mod tests;
mod unload;
mod violations;
mod wake;
mod writer;

pub use error::Error;
pub use unload::{Unloaded, unload};

use tokio::sync::mpsc;

use self::config::Place;
use self::notify::Manager;
use self::service::Daemon;
use self::start::{Claimed, Counters, Listeners, Surroundings, claim};
use self::wake::{End, Order, follow_signals};
use crate::collect::{ProcFs, Runtimes};
use crate::inspect::Inspector;
use crate::kernel::{Executions, Kernel, LoadOptions, Takeover, Targets};
use crate::sys::{SignalSource, return_freed_memory};

/// Orders that wait; a signal more says nothing new.
const MOST_ORDERS: usize = 4;

/// Runs until a signal asks it to end. What was learned is on disk then, and nothing is attached any more unless
/// another daemon is to follow. What can't be written stays in the kernel for that one.
pub fn run(place: Place) -> Result<(), Error> {
    let signals = SignalSource::new().map_err(Error::start("taking signals over"))?;
    let claimed = claim(place)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Error::start("the event loop"))?.block_on(async {
        let counters = load(&claimed)?;
        let is_pinned = claimed.config.pin.is_some();
        let (sender, orders) = mpsc::channel(MOST_ORDERS);
        tokio::spawn(follow_signals(signals, sender.clone()));
        let around = Surroundings {
            procfs: ProcFs::default().inspected_by(Inspector::confined()),
            runtimes: Runtimes::default(),
            now: clock::system(),
            blind: start::blindness(),
        };
        let (daemon, listeners) = claimed.begin(counters, around, &sender)?;
        let Ended { kernel, end, is_written } = work(daemon, listeners, orders).await?;
        match (end, is_written) {
            (_, false) if is_pinned => Err(Error::Unwritten),
            (_, false) => Err(Error::Lost),
            (End::HandOver, true) if is_pinned => {
                tracing::info!(
                    "stopped: what was learned is written, and counting goes on for the next daemon"
                );
                Ok(())
            }
            (_, true) => {
                kernel.detach().map_err(Error::Detach)?;
                tracing::info!("stopped: everything that was learned is written");
                Ok(())
            }
        }
    })
}

/// What is left of a daemon.
struct Ended<K> {
    kernel: K,
    end: End,
    /// Whether everything that was learned is on disk.
    is_written: bool,
}

/// Counts until it is asked to stop; gives the kernel side back.
async fn work<K: Targets>(
    mut daemon: Daemon<K>,
    listeners: Listeners,
    orders: mpsc::Receiver<Order>,
) -> Result<Ended<K>, Error> {
    daemon.ready();
    let end = daemon.work(orders).await?;
    Manager::stopping();
    let is_written = daemon.finish().await;
    drop(listeners);
    Ok(Ended { kernel: daemon.watcher.into_kernel(), end, is_written })
}

fn load(claimed: &Claimed) -> Result<Counters<Kernel>, Error> {
    let options = LoadOptions {
        executions: Executions::Provisional,
        pin: claimed.config.pin.clone(),
        ..LoadOptions::default()
    };
    let kernel = Kernel::load(&options)?;
    return_freed_memory();
    tracing::info!(
        hooks = ?kernel.hooks(),
        kernel_memory_bytes = kernel.memory_bytes(),
        takeover = ?kernel.taken_over(),
        "eBPF programs attached"
    );
    let gap = match kernel.taken_over() {
        Takeover::TakenOver => None,
        Takeover::Fresh => Some("programs were unloaded".to_owned()),
        Takeover::Replaced { reason } => Some(reason.clone()),
    };
    Ok(Counters { memory: kernel.memory_bytes(), kernel, gap })
}
