use super::*;
use crate::collect::watcher::testing::inode;
use crate::kernel::Happening;
use crate::model::{PhaseCounts, Role};

fn alert(slot_number: u16, seconds: u64) -> Happening {
    let arguments = [16, 1, 2, 3, 4, 5];
    Happening::Alert { time: time(seconds), slot: slot(slot_number), tgid: 10, nr: number(101), arguments }
}

/// Check that an alert names its workload and role, and that nobody else's is handed on.
#[test]
fn alerts_name_their_workload() {
    let world = World::new();
    let program = world.go("app");
    let mut watcher = world.watch(Discovery::default());
    watcher.alert_on(&[number(101)].into()).unwrap();
    assert_eq!(world.script.state().watched_for, [number(101)].into());
    world.starts(10, 1, &program, UNIT, time(1));
    world.script.event(alert(1, 2));
    world.script.event(alert(7, 2));
    let events = watcher.take_events();
    assert!(events.all_taken);
    assert_eq!(events.alerts.len(), 1);
    let found = &events.alerts[0];
    assert_eq!((&found.workload, &found.role), (&id("systemd:app.service"), &Role::Main));
    assert_eq!((found.time, found.nr, found.arguments[0]), (time(2), number(101), 16));
    assert_eq!(watcher.take_events().alerts, []);
}

/// Check that the alerts of a program that is no workload yet are told of at once, once, and that they are its own
/// when it is one.
#[test]
fn alerts_do_not_wait_for_a_workload() {
    let world = World::new();
    let program = world.go("app");
    let mut watcher = world.watch(Discovery::default());
    world.starts(10, 1, &program, "/", time(1));
    world.script.event(alert(1, 2));
    let alerts = watcher.take_events().alerts;
    let told: Vec<_> = alerts.iter().map(|told| (told.workload.to_string(), told.is_workload)).collect();
    assert_eq!(told, [(format!("exe:{program}"), false)]);
    let grown = poll(&mut watcher, 62);
    assert_eq!((grown.deltas.len(), grown.passed), (1, [].into()));
    assert_eq!(watcher.take_events().alerts, []);
    world.script.event(alert(1, 63));
    assert!(watcher.take_events().alerts[0].is_workload);
}

/// Check that the alerts of a program that will be no workload are told of, and that it is said when it is over: as
/// it ends, and as it executes another in its own place.
#[test]
fn alerts_need_no_workload() {
    let world = World::new();
    let (short, built) = (world.go("short"), world.go("go-build1/b001/exe/main"));
    let (wrapper, service) = (world.go("wrapper"), world.go("service"));
    let mut watcher = world.watch(Discovery::default());
    for (pid, slot_of, program) in [(10, 1, &short), (11, 2, &built), (12, 3, &wrapper)] {
        world.starts(pid, slot_of, program, "/", time(1));
        world.script.event(alert(slot_of, 2));
    }
    let told = watcher.take_events().alerts.into_iter().map(|told| (told.workload, told.is_workload));
    let ids = [&short, &built, &wrapper].map(|program| id(&format!("exe:{program}")));
    assert_eq!(told.collect::<Vec<_>>(), ids.clone().map(|id| (id, false)));
    world.ends(10, time(3));
    world.runs(12, 1, &service, "/", 900_012);
    world.script.exec_again(12, slot(4), inode(&service), &service, time(3));
    assert_eq!(poll(&mut watcher, 4).passed, [].into(), "it may still be counted");
    assert_eq!(poll(&mut watcher, 5).passed, [ids[0].clone()].into());
    let grown = poll(&mut watcher, 100);
    assert_eq!(grown.only().workload, id(&format!("exe:{service}")));
    assert_eq!(grown.passed, [ids[2].clone()].into());
    world.ends(11, time(101));
    assert_eq!(poll(&mut watcher, 102).passed_over, 1);
    let last = poll(&mut watcher, 103);
    assert_eq!((last.passed, last.passed_over), ([ids[1].clone()].into(), 2));
}

/// Check that programs that make no workload leave the slots to others where those are short.
#[test]
fn temporary_programs_take_no_slot_from_others() {
    let world = World::new();
    let (built, running) = (world.go("go-build1/b001/exe/main"), world.go("go-build2/b001/exe/main"));
    world.script.state().is_short_of_slots = true;
    world.runs(20, 1, &running, "/", 100);
    let mut watcher = world.watch(Discovery::default());
    world.starts(10, 1, &built, "/", time(1));
    assert_eq!(poll(&mut watcher, 2).passed_over, 2);
    assert_eq!(world.script.state().processes, [].into());
}

/// Check that a fork storm lets others have a turn.
#[test]
fn turns_are_bounded() {
    let world = World::new();
    let mut watcher = world.watch(Discovery::default());
    for _ in 0..5000 {
        world.script.event(alert(7, 1));
    }
    assert!(!watcher.take_events().all_taken);
    assert!(watcher.take_events().all_taken);
}

/// Check that counts are in the phase that they were made in, also when they are read late.
#[test]
fn phases_are_kept() {
    let world = World::new();
    let program = world.go("app");
    let mut watcher = world.watch(Discovery::default());
    world.starts(10, 1, &program, UNIT, time(1));
    world.script.event(Happening::FirstSeen { time: time(2), slot: slot(1), nr: number(3) });
    world.script.call(slot(1), 3, 10);
    world.script.call(slot(1), 4, 2);
    let late = poll(&mut watcher, 100);
    let seen = |delta: &Delta, nr| delta.roles[0].syscalls[&number(nr)].counts;
    assert_eq!(seen(late.only(), 3), PhaseCounts::new(1, 9, 0));
    assert_eq!(seen(late.only(), 4), PhaseCounts::new(0, 2, 0));
    world.script.signal(10, slot(2), time(101));
    world.script.call(slot(2), 3, 6);
    world.ends(10, time(102));
    let last = poll(&mut watcher, 103);
    assert_eq!(seen(last.only(), 3), PhaseCounts::new(0, 0, 6));
    assert_eq!(last.only().starts.shutdowns, 1);
}

/// Check that a start is whole only if nothing was lost until it was over.
#[test]
fn a_loss_makes_a_start_partial() {
    let losses = [("arguments_full", (1, 0)), ("stacks_full", (1, 0)), ("ring_full", (0, 1))];
    let losses = losses.map(|(loss, expected)| (Some(loss), expected));
    for (loss, expected) in [(None, (1, 0))].into_iter().chain(losses) {
        let world = World::new();
        let program = world.go("app");
        let mut watcher = world.watch(Discovery::default());
        world.starts(10, 1, &program, UNIT, time(1));
        let starts = poll(&mut watcher, 2).only().starts;
        assert_eq!((starts.whole, starts.partial), (0, 0), "told before it was over");
        if let Some(reason) = loss {
            world.script.state().losses.insert(reason, 1);
        }
        world.script.call(slot(1), 0, 1);
        let starts = poll(&mut watcher, 7).only().starts;
        assert_eq!((starts.whole, starts.partial), expected, "{loss:?}");
        assert_eq!(poll(&mut watcher, 8).deltas, []);
    }
}

/// Check that roles whose event was lost are found all the same, two polls later.
#[test]
fn lost_events_are_made_up_for() {
    let world = World::new();
    let (program, tool) = (world.go("app"), world.other("tool"));
    let mut watcher = world.watch(Discovery::default());
    world.starts(10, 1, &program, UNIT, time(1));
    poll(&mut watcher, 2);
    world.script.fork(10, 11);
    world.runs(11, 10, &tool, UNIT, 990_000);
    world.script.exec_again(11, slot(2), 5, &tool, time(3));
    world.script.state().events.clear();
    world.script.state().losses.insert("ring_full", 1);
    world.script.call(slot(2), 5, 3);
    poll(&mut watcher, 4);
    let found = poll(&mut watcher, 5);
    assert_eq!(found.only().roles[0].role, Role::Child("tool".into()));
    assert_eq!(count(found.only(), 5), 3);
}
