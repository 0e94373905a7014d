//! The watcher on a scripted host.

mod closing;
mod discovery;
mod events;
mod ledgers;
mod races;
mod reach;
mod replicas;

use std::time::Duration;

use super::testing::{Script, World, number, slot, time};
use super::{Poll, Watcher};
use crate::collect::Discovery;
use crate::model::{Delta, Pattern, WorkloadId};

/// The group of a service's processes.
const UNIT: &str = "/system.slice/app.service";

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

/// Nothing is looked for but what a test adds.
fn nothing() -> Discovery {
    Discovery { go: false, ..Discovery::default() }
}

fn id(text: &str) -> WorkloadId {
    WorkloadId::parse(text).unwrap()
}

/// How often a delta says that a call was made, over all roles and phases.
fn count(delta: &Delta, nr: u16) -> u64 {
    let seen = delta.roles.iter().filter_map(|role| role.syscalls.get(&number(nr)));
    seen.map(|seen| seen.counts.total()).sum()
}

fn poll(watcher: &mut Watcher<Script>, seconds: u64) -> Poll {
    let poll = watcher.poll(time(seconds)).unwrap();
    assert_eq!(poll.failures, Vec::<String>::new(), "at {seconds}");
    poll
}

/// Check that a poll in which nothing happened hands out nothing, and reads no counter of what has ended.
#[test]
fn nothing_comes_of_nothing() {
    let world = World::new();
    let program = world.go("app");
    let mut watcher = world.watch(Discovery::default());
    world.starts(10, 1, &program, UNIT, time(1));
    assert_eq!(poll(&mut watcher, 2).only().workload, id("systemd:app.service"));
    assert_eq!(poll(&mut watcher, 3).deltas, []);
    world.ends(10, time(4));
    poll(&mut watcher, 5);
    let reads = world.script.state().reads;
    assert_eq!(poll(&mut watcher, 6), Poll { losses: Poll::default().losses, ..Poll::default() });
    assert_eq!(world.script.state().reads, reads, "what has ended was read again");
}

/// Check that what is gone before its time, or lies where nothing stays, makes no workload and is counted.
#[test]
fn short_lives_are_passed_over() {
    let world = World::new();
    let (program, built) = (world.go("app"), world.go("go-build1/b001/exe/main"));
    let mut watcher =
        world.watch(Discovery { shortest_life: Duration::from_secs(10), ..Discovery::default() });
    world.starts(10, 1, &program, "/", time(1));
    world.starts(11, 2, &built, "/", time(1));
    world.starts(12, 3, &program, "/", time(1));
    world.script.call(slot(3), 1, 7);
    assert_eq!(poll(&mut watcher, 5).deltas, []);
    world.ends(10, time(6));
    let after = poll(&mut watcher, 12);
    assert_eq!(after.only().workload, id(&format!("exe:{program}")));
    assert_eq!(count(after.only(), 1), 7, "what was counted before is handed out");
    assert_eq!((after.only().starts.whole, after.passed_over), (1, 0));
    world.ends(11, time(12));
    assert_eq!(poll(&mut watcher, 13).passed_over, 1);
    assert_eq!(poll(&mut watcher, 14).passed_over, 2);
    poll(&mut watcher, 15);
    assert_eq!(world.script.state().given_back, [slot(1), slot(2)]);
    assert!(watcher.ledger(&id(&format!("exe:{program}"))).accounts.len() == 1);
}

/// Check that one counter that can't be read is told of, and the others are read.
#[test]
fn a_broken_part_stops_no_other() {
    let world = World::new();
    let program = world.go("app");
    let mut watcher = world.watch(Discovery::default());
    world.starts(10, 1, &program, "/system.slice/a.service", time(1));
    world.starts(11, 2, &program, "/system.slice/b.service", time(1));
    world.script.state().broken.insert(slot(1));
    world.script.call(slot(2), 1, 3);
    let found = watcher.poll(time(2)).unwrap();
    let other = found.deltas.iter().find(|delta| delta.workload == id("systemd:b.service")).unwrap();
    assert_eq!(count(other, 1), 3);
    assert_eq!((found.failures.len(), found.losses["unsampled"]), (1, 1));
}

/// Check that an increment says since when it was counted: since it was told of before, since the start of a
/// program that had to live for a while, and since nobody knows when after a restart.
#[test]
fn increments_say_what_time_they_cover() {
    let world = World::new();
    let program = world.go("app");
    let mut watcher =
        world.watch(Discovery { shortest_life: Duration::from_secs(10), ..Discovery::default() });
    world.starts(10, 1, &program, "/", time(1));
    assert_eq!(poll(&mut watcher, 5).deltas, []);
    assert_eq!(poll(&mut watcher, 12).only().since, Some(time(1)));
    poll(&mut watcher, 13);
    world.script.call(slot(1), 0, 1);
    assert_eq!(poll(&mut watcher, 14).only().since, Some(time(13)));
    world.starts(11, 2, &program, "/", time(14));
    let ledgers = vec![(id(&format!("exe:{program}")), watcher.ledger(&id(&format!("exe:{program}"))))];
    world.script.call(slot(1), 0, 1);
    let mut watcher = world.watch_on(world.script.clone(), Discovery::default(), ledgers, time(60));
    assert_eq!(poll(&mut watcher, 100).only().since, None);
    world.script.call(slot(1), 0, 1);
    assert_eq!(poll(&mut watcher, 101).only().since, Some(time(100)));
}
