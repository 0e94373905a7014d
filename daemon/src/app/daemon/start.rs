//! From a configuration to a daemon that counts.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot, watch};

use super::clock::{Clock, Now};
use super::config::{Config, Place};
use super::disk::Disk;
use super::error::Error;
use super::flush::{Flush, STATE, part_of, profile_of};
use super::health::{Problems, Weight};
use super::known::Known;
use super::notify::Manager;
use super::profiles::Profiles;
use super::service::Daemon;
use super::violations::Violations;
use super::wake::Order;
use super::writer::Writer;
use crate::app::control::{self, Control, Opened, ReloadRequest};
use crate::collect::{Discovery, ProcFs, Runtimes, Scans, Watcher, this_host};
use crate::export::http;
use crate::export::view::{Durations, Reload, View};
use crate::kernel::{self, Targets};
use crate::learn::baseline;
use crate::learn::rules::Thresholds;
use crate::learn::store::{Store, StoreProblem, Stored};
use crate::model::{Baseline, Gap, Timestamp, WorkloadId, chain};

/// The kernel side, and what is known of its past.
pub(super) struct Counters<K> {
    /// The programs and maps.
    pub(super) kernel: K,
    /// Bytes that the kernel holds for them.
    pub(super) memory: u64,
    /// Why calls may have been missed since the daemon before; nothing if it went on counting.
    pub(super) gap: Option<String>,
}

/// What the daemon looks at besides: other places in tests.
pub(super) struct Surroundings {
    pub(super) procfs: ProcFs,
    pub(super) runtimes: Runtimes,
    pub(super) now: Now,
    /// Why other processes can't be looked at; nothing if they can.
    pub(super) blind: Option<String>,
}

/// Whether what other processes run can be seen: without, nothing is found, and nothing fails.
pub(super) fn blindness() -> Option<String> {
    let reason = "no service can be found: give the daemon CAP_SYS_PTRACE (docs/privileges.md)";
    (!kernel::may_inspect_processes()).then(|| reason.to_owned())
}

/// Everything that can be refused before the kernel is asked for anything.
pub(super) struct Claimed {
    pub(super) place: Place,
    pub(super) config: Config,
    store: Store,
    stored: Vec<Stored>,
    problems: Vec<StoreProblem>,
    socket: Opened,
    listener: Option<TcpListener>,
    thresholds: Thresholds,
}

/// Takes the state folder, the socket and the port, so that a second daemon ends here.
pub(super) fn claim(place: Place) -> Result<Claimed, Error> {
    let config = Config::read(&place)?;
    let host = this_host();
    let thresholds = Thresholds::new(config.all_rules()?, host.arch);
    let (store, stored, problems) = Store::open(config.state.clone(), config.bounds)?;
    let socket = control::open(&config.socket)?;
    let listener = config
        .listen
        .map(|address| TcpListener::bind(address).map_err(|source| Error::Listen { address, source }))
        .transpose()?;
    Ok(Claimed { place, config, store, stored, problems, socket, listener, thresholds })
}

/// The threads that answer. Dropping it ends them.
pub(super) struct Listeners {
    _control: Control,
    http: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Drop for Listeners {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.http.take() {
            drop(stop);
            // It has nothing to give back; had it panicked, that was told when it happened.
            let _ = thread.join();
        }
    }
}

impl Claimed {
    /// Begins to answer, and then to count: whoever asks in between is told that it is not ready.
    pub(super) fn begin<K: Targets>(
        mut self,
        counters: Counters<K>,
        around: Surroundings,
        orders: &mpsc::Sender<Order>,
    ) -> Result<(Daemon<K>, Listeners), Error> {
        let clock = Clock::new(around.now);
        let (host, started) = (this_host(), clock.now());
        let (views, shown) = watch::channel(Arc::new(View::empty(host.clone(), started)));
        let listeners = listen(&self.config, self.socket, self.listener, &shown, orders)?;
        let mut health = Problems::default();
        tell(&self.problems, &mut health, started);
        if let Some(reason) = around.blind {
            health.fails("privileges", reason, started, Weight::Fatal);
        }
        let (discovery, places) = (self.config.discovery.clone(), (around.procfs, around.runtimes));
        let mut watcher = go_on(counters.kernel, places, discovery, &mut self.stored, started)?;
        watcher.alert_on(&self.thresholds.alert_calls())?;
        let mut disk = Disk { store: self.store, profiles: Profiles::default() };
        let remembering =
            Remembering { disk: &mut disk, watcher: &watcher, health: &mut health, started, write_errors: 0 };
        let (workloads, state_write_errors) = remembering.all(self.stored, counters.gap.as_deref());
        let daemon = Daemon {
            flush: Flush::after(self.config.flush_interval),
            place: self.place,
            config: self.config,
            frozen: disk.store.frozen().clone(),
            files: disk.profiles.files(),
            writer: Writer::start(disk).map_err(Error::start("the thread that writes"))?,
            thresholds: self.thresholds,
            workloads,
            refused: 0,
            has_refused: false,
            violations: Violations::default(),
            manager: Manager::default(),
            last_failure: None,
            losses: BTreeMap::new(),
            scans: Scans::default(),
            counted: 0,
            polls: Durations::default(),
            state_write_errors,
            reload: Reload { is_successful: true, last_success: started },
            kernel_memory: counters.memory,
            host,
            clock,
            watcher,
            health,
            started,
            programs: None,
            shown: Arc::default(),
            views,
        };
        Ok((daemon, listeners))
    }
}

/// Watches from here on, and goes on from what is stored.
fn go_on<K: Targets>(
    kernel: K,
    (procfs, runtimes): (ProcFs, Runtimes),
    discovery: Discovery,
    stored: &mut [Stored],
    started: Timestamp,
) -> Result<Watcher<K>, Error> {
    let ledgers = stored.iter().map(|one| (one.baseline.workload.clone(), one.ledger.clone()));
    let mut watcher = Watcher::new(kernel, procfs, runtimes, discovery, ledgers.collect(), started)?;
    for one in stored {
        watcher.remember(&mut one.baseline);
    }
    Ok(watcher)
}

/// Going on with what was stored.
struct Remembering<'a, K> {
    disk: &'a mut Disk,
    watcher: &'a Watcher<K>,
    health: &'a mut Problems,
    started: Timestamp,
    write_errors: u64,
}

impl<K: Targets> Remembering<'_, K> {
    /// What is known of each workload, and how many writes failed.
    fn all(mut self, stored: Vec<Stored>, gap: Option<&str>) -> (BTreeMap<WorkloadId, Known>, u64) {
        let each = stored.into_iter().map(|Stored { baseline, .. }| baseline);
        let workloads = each.map(|one| (one.workload.clone(), self.one(one, gap))).collect();
        self.disk.profiles.list();
        (workloads, self.write_errors)
    }

    fn one(&mut self, mut baseline: Baseline, gap: Option<&str>) -> Known {
        let id = baseline.workload.clone();
        if let Some(reason) = gap {
            let gap = Gap { from: baseline.last, to: self.started, reason: reason.to_owned() };
            baseline::add_gap(&mut baseline, gap);
        }
        let mut known = Known::new(baseline);
        known.resumed = known.baseline.last;
        known.has_failed = gap.is_some() && !self.save_now(&known.baseline);
        known.is_unsaved = known.has_failed;
        match self.disk.profiles.open(&self.disk.store, &id) {
            Ok(()) => known.has_generation(self.disk.profiles.newest(&id)),
            Err(error) => {
                self.health.fails(&profile_of(&id), chain(&error), self.started, Weight::Partial);
            }
        }
        known
    }

    /// A gap is on disk before anything else happens: the next daemon can't know of it.
    fn save_now(&mut self, baseline: &Baseline) -> bool {
        let ledger = self.watcher.ledger(&baseline.workload);
        let saved = self.disk.store.save(baseline, &ledger);
        if let Err(error) = &saved {
            self.write_errors += 1;
            self.health.fails(STATE, chain(error), self.started, Weight::Partial);
        }
        saved.is_ok()
    }
}

fn tell(problems: &[StoreProblem], health: &mut Problems, time: Timestamp) {
    for problem in problems {
        match problem {
            StoreProblem::Frozen { workload, .. } => {
                health.fails(&part_of(workload), chain(problem), time, Weight::Partial);
            }
            problem => tracing::warn!("{}", chain(problem)),
        }
    }
}

fn listen(
    config: &Config,
    socket: Opened,
    listener: Option<TcpListener>,
    views: &watch::Receiver<Arc<View>>,
    orders: &mpsc::Sender<Order>,
) -> Result<Listeners, Error> {
    let options =
        control::Options { views: views.clone(), reloads: forwarded(orders.clone()), patience: None };
    let control = Control::start(socket, options).map_err(Error::start("the control socket's thread"))?;
    let http = listener
        .map(|listener| {
            let (stop, stopped) = oneshot::channel();
            let limits = http::Limits::default();
            let thread = http::serve(listener, views.clone(), limits, config.metrics, stopped)?;
            Ok::<_, Error>((stop, thread))
        })
        .transpose()?;
    Ok(Listeners { _control: control, http })
}

/// Hands requests to reload over to the loop.
fn forwarded(orders: mpsc::Sender<Order>) -> mpsc::Sender<ReloadRequest> {
    let (sender, mut requests) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(asker) = requests.recv().await {
            if orders.send(Order::Reload(Some(asker))).await.is_err() {
                return;
            }
        }
    });
    sender
}
