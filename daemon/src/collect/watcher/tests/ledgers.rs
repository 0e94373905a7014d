use super::*;
use crate::kernel::{FileKey, Verdict};
use crate::model::{Ledger, Role, Starts};

const APP: &str = "systemd:app.service";

/// A host with one service that was counted for a while, and its ledger.
fn counted() -> (World, Ledger) {
    let world = World::new();
    let program = world.go("app");
    let mut watcher = world.watch(Discovery::default());
    world.starts(10, 1, &program, UNIT, time(1));
    world.script.call(slot(1), 0, 10);
    poll(&mut watcher, 2);
    assert_eq!(poll(&mut watcher, 10).only().starts.whole, 1);
    let ledger = watcher.ledger(&id(APP));
    (world, ledger)
}

fn restart(world: &World, ledger: Ledger) -> Watcher<Script> {
    world.watch_on(world.script.clone(), Discovery::default(), vec![(id(APP), ledger)], time(60))
}

/// Check that a daemon that goes on takes in only what is new, and tells of no start twice.
#[test]
fn counts_go_on() {
    let (world, ledger) = counted();
    world.script.call(slot(1), 0, 5);
    world.script.call(slot(1), 1, 1);
    let mut watcher = restart(&world, ledger);
    let found = poll(&mut watcher, 61);
    assert_eq!((count(found.only(), 0), count(found.only(), 1)), (5, 1));
    assert_eq!((found.only().starts, found.only().roles[0].processes), (Starts::default(), 0));
    let targets = watcher.targets();
    assert_eq!((targets.len(), targets[0].process, targets[0].is_whole), (1, 10, true));
    assert_eq!(targets[0].started, time(1));
}

/// Check that what was counted and not handed out is in no ledger.
#[test]
fn a_ledger_holds_what_was_handed_out() {
    let (world, ledger) = counted();
    assert_eq!(ledger.epoch, "epoch");
    assert_eq!(ledger.accounts.len(), 1);
    let account = &ledger.accounts[0];
    assert_eq!((account.slot, account.root, account.process, account.processes), (1, 1, 10, 1));
    assert_eq!(account.counts, [(number(0), 10)].into());
    let mut watcher = restart(&world, ledger.clone());
    assert_eq!(poll(&mut watcher, 61).deltas, []);
    assert_eq!(watcher.ledger(&id(APP)), ledger);
}

/// Check that what ended while no daemon ran is counted to its end.
#[test]
fn an_end_that_nobody_saw_is_counted() {
    let (world, ledger) = counted();
    world.script.signal(10, slot(2), time(20));
    world.script.call(slot(2), 231, 1);
    world.ends(10, time(21));
    let mut watcher = restart(&world, ledger);
    let found = poll(&mut watcher, 61);
    assert_eq!((count(found.only(), 231), found.only().starts.shutdowns), (1, 1));
    assert_eq!(watcher.targets(), []);
    poll(&mut watcher, 62);
    let handed_out = watcher.ledger(&id(APP));
    let mut again = restart(&world, handed_out);
    assert_eq!(poll(&mut again, 63).deltas, [], "an end was told of twice");
}

/// Check that an end that was told of is not told of again when the next daemon learns more of it, and that a start is
/// told of though the daemon that saw it was killed before it was over.
#[test]
fn starts_and_ends_are_told_once() {
    let (world, ledger) = counted();
    world.script.signal(10, slot(2), time(20));
    world.script.call(slot(2), 231, 1);
    world.ends(10, time(21));
    let mut watcher = restart(&world, ledger);
    assert_eq!(poll(&mut watcher, 61).only().starts.shutdowns, 1);
    let told = watcher.ledger(&id(APP));
    world.script.call(slot(2), 3, 1);
    let mut again = restart(&world, told);
    let found = poll(&mut again, 63);
    assert_eq!((count(found.only(), 3), found.only().starts), (1, Starts::default()));

    let world = World::new();
    let program = world.go("app");
    let mut watcher = world.watch(Discovery::default());
    world.starts(10, 1, &program, UNIT, time(1));
    world.script.call(slot(1), 0, 10);
    poll(&mut watcher, 2);
    let untold = watcher.ledger(&id(APP));
    let found = poll(&mut restart(&world, untold), 61);
    assert_eq!(found.only().starts, Starts { whole: 1, ..Starts::default() });
}

/// Check that what started while no daemon ran is counted from its first call.
#[test]
fn a_start_that_nobody_saw_is_whole() {
    let (world, ledger) = counted();
    let other = world.go("other");
    world.starts(11, 5, &other, "/system.slice/b.service", time(30));
    world.script.call(slot(5), 0, 3);
    let mut watcher = restart(&world, ledger);
    let found = poll(&mut watcher, 61);
    assert_eq!(found.only().workload, id("systemd:b.service"));
    assert_eq!((count(found.only(), 0), found.only().starts.whole), (3, 1));
}

/// Check that a ledger of another load of the kernel side, or of a slot that is another's by now, is nothing.
#[test]
fn ledgers_of_others_are_ignored() {
    let (world, ledger) = counted();
    let script = world.script.renamed("other epoch");
    let ledgers = vec![(id(APP), ledger.clone())];
    let mut watcher = world.watch_on(script, Discovery::default(), ledgers, time(60));
    let found = poll(&mut watcher, 61);
    assert_eq!((count(found.only(), 0), found.only().starts.partial), (10, 1), "found by its live process");
    let mut old = ledger;
    old.accounts[0].generation += 1;
    let mut watcher = restart(&world, old);
    assert_eq!(count(poll(&mut watcher, 61).only(), 0), 10);
}

/// Check that slots that no ledger and no event tells of are explained by who is in them, and else let go of.
#[test]
fn unknown_slots_are_explained_or_lost() {
    let (world, ledger) = counted();
    let (other, tool) = (world.go("other"), world.other("tool"));
    world.starts(11, 5, &other, "/system.slice/b.service", time(30));
    world.script.fork(10, 12);
    world.runs(12, 10, &tool, UNIT, 990_000);
    world.script.exec_again(12, slot(6), 7, &tool, time(30));
    world.starts(13, 7, &other, "/system.slice/c.service", time(30));
    world.ends(13, time(31));
    // Let go of by the former daemon: one is of an ignored file, of the other nobody was ever seen to leave.
    let ignored = world.other("ignored");
    world.starts(14, 8, &ignored, UNIT, time(30));
    world.starts(15, 9, &tool, UNIT, time(30));
    world.ends(14, time(31));
    world.script.state().processes.remove(&15);
    let file = FileKey { inode: crate::collect::testing::inode(&ignored), ..FileKey::default() };
    world.script.state().verdicts.insert(file, Verdict::Ignored);
    for slot_of in [6, 7, 8, 9] {
        world.script.call(slot(slot_of), 2, 1);
    }
    world.script.state().events.clear();
    let mut watcher = restart(&world, ledger);
    let found = poll(&mut watcher, 61);
    assert_eq!(found.losses["unexplained"], 1);
    let by_id = |text: &str| found.deltas.iter().find(|delta| delta.workload == id(text)).unwrap();
    assert_eq!(by_id("systemd:b.service").starts.partial, 1);
    let child = by_id(APP).roles.iter().find(|role| role.role == Role::Child("tool".into())).unwrap();
    assert_eq!(child.syscalls[&number(2)].counts.total(), 1);
    poll(&mut watcher, 62);
    assert_eq!(world.script.state().given_back, [slot(7), slot(8), slot(9)]);
}

/// Check that a tree stays one whose children ran when it was picked up: its slots are roots of their own.
#[test]
fn a_tree_that_was_picked_up_stays_one() {
    let world = World::new();
    let (app, tool) = (world.go("app"), world.other("tool"));
    world.runs(20, 1, &app, UNIT, 100);
    world.runs(21, 20, &tool, UNIT, 200);
    let mut watcher = world.watch(Discovery::default());
    poll(&mut watcher, 10);
    let ledger = watcher.ledger(&id(APP));
    let roots: Vec<u16> = ledger.accounts.iter().map(|account| account.root).collect();
    assert_eq!(roots, [500, 501]);
    let mut watcher = restart(&world, ledger.clone());
    assert_eq!(poll(&mut watcher, 61).deltas, []);
    assert_eq!(watcher.targets().len(), 1);
    assert_eq!(watcher.ledger(&id(APP)), ledger);
    world.ends(20, time(62));
    poll(&mut watcher, 63);
    assert_eq!(watcher.targets().len(), 1, "its child lives");
    world.ends(21, time(64));
    poll(&mut watcher, 65);
    assert_eq!(watcher.targets(), []);
}
