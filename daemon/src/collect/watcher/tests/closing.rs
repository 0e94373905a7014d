use super::*;
use crate::kernel::ArgumentCount;
use crate::model::{Arguments, Starts};

/// Check the order in which an ended tree's slots are let go of: a last sample, a poll of quarantine, the
/// arguments, the disk, and then only.
#[test]
fn slots_are_given_back_last() {
    let world = World::new();
    let program = world.go("app");
    let mut watcher = world.watch(Discovery::default());
    let app = id("systemd:app.service");
    world.starts(10, 1, &program, UNIT, time(1));
    poll(&mut watcher, 2);
    world.ends(10, time(3));
    world.script.call(slot(1), 231, 1);
    assert_eq!(count(poll(&mut watcher, 4).only(), 231), 1, "the last sample");
    watcher.learn_arguments().unwrap();
    watcher.stored(&app);
    poll(&mut watcher, 5);
    poll(&mut watcher, 6);
    assert_eq!(world.script.state().given_back, [], "stored before the quarantine was over");
    watcher.stored(&app);
    poll(&mut watcher, 7);
    assert_eq!(world.script.state().given_back, [], "stored without the arguments");
    watcher.learn_arguments().unwrap();
    watcher.stored(&id("systemd:other.service"));
    poll(&mut watcher, 8);
    assert_eq!(world.script.state().given_back, [], "another workload was stored");
    assert_eq!(watcher.ledger(&app).accounts.len(), 1);
    watcher.stored(&app);
    poll(&mut watcher, 9);
    assert_eq!(world.script.state().given_back, [slot(1)]);
    assert_eq!(watcher.ledger(&app).accounts, []);
}

/// Check that a write that began earlier covers nothing that was handed out while it was under way: neither a tree
/// that ended meanwhile, nor one that told of more.
#[test]
fn a_write_under_way_covers_what_was_before_it() {
    let world = World::new();
    let program = world.go("app");
    let mut watcher = world.watch(Discovery::default());
    let app = id("systemd:app.service");
    for number in [1, 2, 3] {
        world.starts(9 + u32::from(number), number, &program, UNIT, time(1));
    }
    watcher.take_events();
    world.ends(10, time(1));
    world.ends(11, time(1));
    poll(&mut watcher, 2);
    poll(&mut watcher, 3);
    watcher.learn_arguments().unwrap();
    watcher.storing_begins(&app);
    world.script.fork_into(13, slot(2));
    world.script.call(slot(2), 1, 1);
    world.ends(12, time(4));
    for now in [4, 5, 6] {
        poll(&mut watcher, now);
    }
    watcher.learn_arguments().unwrap();
    watcher.storing_ended(&app);
    poll(&mut watcher, 7);
    assert_eq!(world.script.state().given_back, [slot(1)]);
    // A write that failed is followed by one that holds the same and more.
    watcher.storing_begins(&app);
    watcher.storing_begins(&app);
    watcher.storing_ended(&app);
    poll(&mut watcher, 8);
    assert_eq!(world.script.state().given_back, [slot(1), slot(2), slot(3)]);
}

/// Check that a call that came late into the counters is handed out before its slot is given back.
#[test]
fn a_late_count_is_not_lost() {
    let world = World::new();
    let program = world.go("app");
    let mut watcher = world.watch(Discovery::default());
    let app = id("systemd:app.service");
    world.starts(10, 1, &program, UNIT, time(1));
    watcher.take_events();
    world.ends(10, time(1));
    poll(&mut watcher, 2);
    poll(&mut watcher, 3);
    watcher.learn_arguments().unwrap();
    world.script.fork_into(11, slot(1));
    world.script.call(slot(1), 1, 2);
    watcher.stored(&app);
    assert_eq!(count(poll(&mut watcher, 4).only(), 1), 2);
    assert_eq!(world.script.state().given_back, []);
}

/// Check that a program that was asked to end between a poll's look at the events and its look at the counters ended
/// because it was asked to, once.
#[test]
fn an_end_before_its_event_is_a_shutdown() {
    let world = World::new();
    let program = world.go("app");
    let mut watcher = world.watch(Discovery::default());
    world.starts(10, 1, &program, UNIT, time(1));
    poll(&mut watcher, 2);
    world.script.signal(10, slot(2), time(3));
    world.script.call(slot(2), 231, 1);
    world.ends(10, time(3));
    let late = std::mem::take(&mut world.script.state().events);
    assert_eq!(poll(&mut watcher, 3).only().starts, Starts { whole: 1, ..Starts::default() });
    world.script.state().events = late;
    let found = poll(&mut watcher, 4);
    assert_eq!(found.only().starts, Starts { shutdowns: 1, ..Starts::default() });
    assert_eq!(count(found.only(), 231), 1);
    assert_eq!(poll(&mut watcher, 5).deltas, []);
}

/// Check that a process that gets an ended one's id is another target in another slot.
#[test]
fn an_id_that_is_used_again_is_another() {
    let world = World::new();
    let program = world.go("app");
    let mut watcher = world.watch(Discovery::default());
    world.starts(10, 1, &program, "/system.slice/a.service", time(1));
    poll(&mut watcher, 2);
    world.script.call(slot(1), 0, 1);
    world.ends(10, time(3));
    world.starts(10, 2, &program, "/system.slice/b.service", time(3));
    world.script.call(slot(2), 0, 5);
    let found = poll(&mut watcher, 4);
    let counts: Vec<_> =
        found.deltas.iter().map(|delta| (delta.workload.to_string(), count(delta, 0))).collect();
    assert_eq!(counts, [("systemd:a.service".into(), 1), ("systemd:b.service".into(), 5)]);
    let targets = watcher.targets();
    assert_eq!((targets.len(), targets[0].started), (1, time(3)));
}

/// Check that argument values are handed out as increments, each once.
#[test]
fn arguments_are_increments() {
    let world = World::new();
    let program = world.go("app");
    let mut watcher = world.watch(Discovery::default());
    world.starts(10, 1, &program, UNIT, time(1));
    let socket =
        |family, count| ArgumentCount { slot: slot(1), nr: number(41), values: Some([family, 1, 0]), count };
    world.script.call(slot(1), 41, 3);
    world.script.state().arguments = vec![socket(2, 3)];
    let polled = poll(&mut watcher, 2);
    assert_eq!(polled.only().roles[0].syscalls[&number(41)].arguments, Arguments::Unwatched);
    let learned = |watcher: &mut Watcher<Script>| {
        let deltas = watcher.learn_arguments().unwrap();
        deltas.first().map(|delta| delta.roles[0].syscalls[&number(41)].clone())
    };
    let values = |family: u64, count| Arguments::Values([(vec![family, 1, 0], count)].into());
    let first = learned(&mut watcher).unwrap();
    assert_eq!((first.arguments, first.counts.total(), first.last), (values(2, 3), 0, time(2)));
    assert_eq!(learned(&mut watcher), None);
    world.script.state().arguments = vec![socket(2, 3), socket(10, 1)];
    assert_eq!(learned(&mut watcher).unwrap().arguments, values(10, 1));
}

/// Check that a workload that nobody kept is handed out again from its first call, with its start, its arguments,
/// and what was in flight.
#[test]
fn a_workload_is_told_again() {
    let world = World::new();
    let program = world.go("app");
    world.runs(10, 1, &program, UNIT, 100);
    world.is_inside(10, "230 0x1 0x0 0x2 0x3 0x0 0x0 0x7ffc 0x46");
    let mut watcher = world.watch(Discovery::default());
    let own = world.script.state().processes[&10];
    world.starts(11, 1, &program, "/system.slice/b.service", time(1));
    let app = id("systemd:app.service");
    let entry = ArgumentCount { slot: own, nr: number(41), values: Some([2, 1, 0]), count: 3 };
    world.script.state().arguments.push(entry);
    world.script.call(own, 41, 3);
    let told = |watcher: &mut Watcher<Script>, seconds| {
        let found = poll(watcher, seconds);
        let learned = watcher.learn_arguments().unwrap();
        let of_app = |deltas: Vec<Delta>| deltas.into_iter().find(|delta| delta.workload == app);
        (of_app(found.deltas), of_app(learned))
    };
    let (first, learned) = told(&mut watcher, 10);
    let first = first.unwrap();
    assert_eq!((count(&first, 41), first.starts.partial, first.since), (3, 1, Some(time(0))));
    assert!(first.roles[0].syscalls[&number(230)].in_flight && learned.is_some());
    assert_eq!(told(&mut watcher, 11), (None, None));
    watcher.tell_again(&app);
    assert_eq!(
        told(&mut watcher, 12),
        (Some(found_at(first, 12)), learned.map(|learned| found_at(learned, 12)))
    );
    assert_eq!(told(&mut watcher, 13), (None, None));
    assert_eq!(watcher.ledger(&app).accounts[0].counts, [(number(41), 3)].into());
}

/// The same, found later.
fn found_at(mut delta: Delta, seconds: u64) -> Delta {
    delta.roles[0].syscalls.get_mut(&number(41)).unwrap().last = time(seconds);
    delta
}

/// Check that slots of what nobody keeps are given back without naming it.
#[test]
fn what_is_not_kept_is_given_back() {
    let world = World::new();
    let program = world.go("app");
    let mut watcher = world.watch(Discovery::default());
    for (pid, group) in [(10_u16, "/system.slice/a.service"), (11, "/system.slice/b.service")] {
        world.starts(pid.into(), pid, &program, group, time(1));
    }
    poll(&mut watcher, 2);
    world.ends(10, time(3));
    world.ends(11, time(3));
    poll(&mut watcher, 4);
    poll(&mut watcher, 5);
    watcher.learn_arguments().unwrap();
    watcher.stored_all_but(&|workload| *workload == id("systemd:a.service"));
    poll(&mut watcher, 6);
    assert_eq!(world.script.state().given_back, [slot(11)]);
}

/// Check that slots are given back without the disk when there will soon be none.
#[test]
fn a_full_disk_takes_no_slots() {
    let world = World::new();
    let program = world.go("app");
    let mut watcher = world.watch(Discovery::default());
    world.starts(10, 1, &program, UNIT, time(1));
    poll(&mut watcher, 2);
    world.ends(10, time(3));
    poll(&mut watcher, 4);
    poll(&mut watcher, 5);
    watcher.learn_arguments().unwrap();
    poll(&mut watcher, 6);
    assert_eq!(world.script.state().given_back, []);
    world.script.state().is_short_of_slots = true;
    poll(&mut watcher, 7);
    assert_eq!(world.script.state().given_back, [slot(1)]);
}

/// Check that values that found no room open the calls of their slot alone.
#[test]
fn lost_arguments_are_those_of_one_slot() {
    let world = World::new();
    let program = world.go("app");
    let mut watcher = world.watch(Discovery::default());
    for (pid, group) in [(10_u16, "/system.slice/a.service"), (11, "/system.slice/b.service")] {
        world.starts(pid.into(), pid, &program, group, time(1));
        world.script.call(slot(pid), 41, 1);
        let entry = ArgumentCount { slot: slot(pid), nr: number(41), values: Some([2, 1, 0]), count: 1 };
        world.script.state().arguments.push(entry);
    }
    world.script.state().arguments_lost.push(slot(11));
    world.script.state().losses.insert("arguments_full", 1);
    poll(&mut watcher, 2);
    let learned = watcher.learn_arguments().unwrap();
    let of = |n: usize| learned[n].roles[0].syscalls[&number(41)].arguments.clone();
    assert_eq!((of(0), of(1)), (Arguments::Values([(vec![2, 1, 0], 1)].into()), Arguments::Any));
}
