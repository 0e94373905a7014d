//! A disk that takes its time, and a loop that does not wait for it.

use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::{Host, PTRACE, Running};
use crate::app::daemon::config::Config;
use crate::app::daemon::wake::{End, Order};
use crate::app::daemon::writer::{Job, Task};
use crate::collect::testing::{number, slot, time};
use crate::export::view::View;
use crate::kernel::Happening;
use crate::model::WorkloadId;

/// Longer than this, and something waits for the disk.
const PATIENCE: Duration = Duration::from_secs(20);

impl Host {
    fn baseline(&self) -> PathBuf {
        self.world.path("state/workloads").join(self.id.escape()).join("baseline.json")
    }
}

impl Running {
    /// The disk takes nothing until the test says so, or ends.
    fn hang(&mut self) -> Sender<()> {
        let (release, until) = channel();
        let (time, bounds) = (self.daemon.clock.now(), self.daemon.config.bounds);
        self.daemon.writer.begin(Job { time, bounds, task: Task::Hang(until) });
        release
    }

    /// Takes in all that is under way.
    async fn settle(&mut self) {
        while !self.daemon.writer.is_idle() {
            let done = self.daemon.writer.done().await.unwrap();
            self.daemon.written(done);
        }
    }

    /// Begins a flush, and polls.
    fn flush(&mut self) {
        self.daemon.flush = super::Flush::after(Duration::ZERO);
        self.daemon.poll();
    }
}

/// Check that polls, alerts and orders go on while a write hangs and flushes become due, and that everything is
/// written once it does not.
#[tokio::test]
async fn a_slow_disk_delays_nobody() {
    let host = Host::new();
    let mut running = host.start("one", None);
    let fast = Duration::from_millis(10);
    // What the file may not say: the fewest milliseconds there are for each.
    running.daemon.config = Config { poll_interval: fast, flush_interval: fast, ..running.daemon.config };
    running.daemon.flush = super::Flush::after(fast);
    let release = running.hang();
    let mut views = running.daemon.views.subscribe();
    let (sender, orders) = mpsc::channel(1);
    let test = async {
        let mut until = async |what: &str, holds: &dyn Fn(&View) -> bool| {
            let found = timeout(PATIENCE, views.wait_for(|view| holds(view))).await;
            found.unwrap_or_else(|_| panic!("{what} waits for the disk")).unwrap().clone()
        };
        until("polling", &|view| view.polls.count >= 20).await;
        host.world.script.call(slot(1), 0, 2);
        until("counting", &|view| view.workloads[&host.id].counts[&number(0)] == 7).await;
        let event = Happening::Alert {
            time: time(2),
            slot: slot(1),
            tgid: 100,
            nr: number(PTRACE),
            arguments: [0; 6],
        };
        host.world.script.event(event);
        until("an alert", &|view| view.violations.len() == 1).await;
        let (asker, answer) = oneshot::channel();
        host.configure("poll_interval = '100ms'\nflush_interval = '100ms'");
        sender.send(Order::Reload(Some(asker))).await.unwrap();
        timeout(PATIENCE, answer).await.expect("a reload waits for the disk").unwrap().unwrap();
        let view = until("polling", &|view| view.polls.count >= 25).await;
        assert!(
            view.workloads[&host.id].generation.is_none() && !host.baseline().exists(),
            "it does not hang"
        );
        release.send(()).unwrap();
        until("a profile", &|view| view.workloads[&host.id].generation.is_some()).await;
        assert!(host.baseline().exists());
        sender.send(Order::End(End::HandOver)).await.unwrap();
    };
    let (end, ()) = tokio::join!(running.daemon.work(orders), test);
    assert_eq!(end.unwrap(), End::HandOver);
    assert!(running.daemon.finish().await);
    drop(running);
    assert_eq!(host.start("one", None).reads(&host.id), 7);
}

/// Check that what changes while a write is under way is not taken for written, and that its slots are not given
/// away before it is.
#[tokio::test]
async fn a_write_under_way_holds_no_more_than_it_began_with() {
    let host = Host::new();
    let mut running = host.start("one", None);
    let release = running.hang();
    running.flush();
    assert!(running.daemon.workloads[&host.id].is_being_written());
    host.world.script.call(slot(1), 0, 2);
    host.world.ends(100, time(3));
    for _ in 0..4 {
        host.pass(1);
        running.flush();
    }
    release.send(()).unwrap();
    while running.daemon.workloads[&host.id].is_being_written() {
        let done = running.daemon.writer.done().await.unwrap();
        running.daemon.take_done(done);
    }
    assert!(running.daemon.workloads[&host.id].is_unsaved);
    running.daemon.watcher.poll(time(9)).unwrap();
    assert_eq!(host.world.script.state().given_back, [], "only the first write is over");
    drop(running);

    let mut running = host.start("one", None);
    running.daemon.poll();
    assert_eq!(running.reads(&host.id), 7, "what the file does not hold is still in the kernel");
    for _ in 0..6 {
        host.pass(1);
        running.flush();
        running.settle().await;
    }
    assert!(!running.daemon.workloads[&host.id].is_unsaved);
    assert_eq!(host.world.script.state().given_back, [slot(1)]);
    drop(running);
    assert_eq!(host.start("one", None).reads(&host.id), 7);
}

/// Check that the end waits for what is under way, and for what that does not hold.
#[tokio::test]
async fn the_end_waits_for_the_disk() {
    let host = Host::new();
    let mut running = host.start("one", None);
    let release = running.hang();
    running.flush();
    host.world.script.call(slot(1), 0, 2);
    let disk = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        release.send(()).unwrap();
    });
    assert!(
        timeout(Duration::from_millis(50), running.daemon.finish()).await.is_err(),
        "it waits for nothing"
    );
    assert!(running.daemon.finish().await);
    disk.join().unwrap();
    drop(running);
    assert_eq!(host.start("two", None).reads(&host.id), 7);
}

/// Check that a disk that takes nothing for long is told of, and no more once it does.
#[tokio::test]
async fn a_stuck_disk_is_a_problem() {
    let host = Host::new();
    let mut running = host.start("one", None);
    let problems = |running: &Running| running.daemon.views.borrow().health.problems.clone();
    let release = running.hang();
    running.flush();
    assert_eq!(problems(&running), []);
    running.daemon.flush.patience = Duration::ZERO;
    running.daemon.poll();
    assert_eq!(problems(&running)[0].part, "state");
    release.send(()).unwrap();
    running.settle().await;
    assert_eq!(problems(&running), []);
    assert_eq!(running.daemon.views.borrow().state_write_errors, 0);
}

/// Check that a workload is forgotten when it was not alive for long, and one that begins to live while its folder
/// is being removed is written anew with all that is known of it.
#[tokio::test]
async fn the_living_are_not_forgotten() {
    let host = Host::new();
    host.configure("[limits]\nforget_after = '1d'");
    let mut running = host.start("one", None);
    host.world.ends(100, time(2));
    host.pass(1);
    running.daemon.poll();
    for _ in 0..24 * 4 {
        host.pass(15 * 60);
        running.flush();
        running.settle().await;
    }
    assert!(host.baseline().exists(), "it is forgotten too early");
    let release = running.hang();
    host.pass(15 * 60);
    running.flush();
    let WorkloadId::Executable(service) = &host.id else { unreachable!() };
    host.world.starts(101, 2, service, "/", time(host.seconds.get()));
    host.world.script.call(slot(2), 0, 2);
    running.daemon.poll();
    release.send(()).unwrap();
    running.settle().await;
    assert!(!host.baseline().exists(), "nothing was to be forgotten");
    assert_eq!(running.reads(&host.id), 7);
    host.world.ends(101, time(host.seconds.get()));
    for _ in 0..25 * 4 {
        host.pass(15 * 60);
        running.flush();
        running.settle().await;
        assert!(host.baseline().exists() || running.daemon.workloads.is_empty());
    }
    assert!(running.daemon.workloads.is_empty() && !host.baseline().exists(), "it is not forgotten");
    assert!(running.daemon.views.borrow().profiles.is_empty());
}
