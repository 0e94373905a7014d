use std::thread;

use super::*;
use crate::collect::reach::{Reaches, Scans};
use crate::inspect::Inspector;

/// Check that a binary that can't be scanned is counted, hides no call, and is not tried again.
#[test]
fn what_can_not_be_scanned_is_counted() {
    let world = World::new();
    let program = world.go("app");
    let mut watcher = world.watch(Discovery::default());
    watcher.reaches = Reaches::new(Some(Inspector::local()));
    world.starts(10, 1, &program, UNIT, time(1));
    poll(&mut watcher, 2);
    let failed = (3..).find_map(|now| {
        thread::sleep(Duration::from_millis(20));
        let poll = poll(&mut watcher, now);
        (poll.scans.failed > 0).then_some(poll)
    });
    let failed = failed.unwrap();
    assert_eq!((failed.scans, failed.losses["scans_failed"]), (Scans { done: 0, failed: 1 }, 1));
    assert_eq!(watcher.trouble.total(), 0, "no call is hidden by it");
    thread::sleep(Duration::from_millis(50));
    assert_eq!(poll(&mut watcher, 100_000).scans.failed, 1, "it is tried again");
    assert!(poll(&mut watcher, 100_001).deltas.iter().all(|delta| delta.roles.is_empty()));
}
