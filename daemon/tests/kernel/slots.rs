//! Slots are used again, and nothing of their last life is left in them.
#![expect(clippy::expect_used, reason = "a helper that fails is a failed test")]

use std::collections::{BTreeMap, BTreeSet};

use seccinch::kernel::{Happening, Kernel, Slot, Source as _, Targets as _};

use crate::support::{Program, count, events, give_back, load, nr, unpinned};

const EXECUTIONS: usize = 5000;
/// Executions between two polls: a fraction of the pool.
const ROUND: usize = 250;

/// Check that 5,000 short executions are counted to the call, in slots that are used again.
#[test]
fn slots_last_for_any_number_of_executions() {
    let mut kernel = load(&unpinned());
    let program = Program::new("short");
    let mut slots_seen: BTreeMap<Slot, usize> = BTreeMap::new();
    for _ in 0..EXECUTIONS / ROUND {
        let processes: BTreeSet<u32> = (0..ROUND).map(|_| program.run(3)).collect();
        let ours = slots_of(&mut kernel, &processes);
        assert_eq!(ours.len(), ROUND, "every execution is announced, with a slot of its own");
        for slot in &ours {
            assert_eq!(count(&kernel, *slot, "getppid"), 3, "{slot:?}");
            *slots_seen.entry(*slot).or_default() += 1;
        }
        let all: BTreeSet<Slot> = kernel.used_slots().into_iter().map(|used| used.slot).collect();
        give_back(&mut kernel, all);
        assert!(ours.iter().all(|slot| kernel.state(*slot).processes == 0), "they are empty");
    }
    assert_eq!(kernel.losses()["slots_full"], 0);
    assert_eq!(kernel.losses()["roles_full"], 0);
    assert!(slots_seen.values().any(|uses| *uses > 1), "{} slots used", slots_seen.len());
}

fn slots_of(kernel: &mut Kernel, processes: &BTreeSet<u32>) -> BTreeSet<Slot> {
    let announced = events(kernel).into_iter().filter_map(|event| match event {
        Happening::Exec { tgid, slot, .. } if processes.contains(&tgid) => Some(slot),
        _ => None,
    });
    announced.collect()
}

/// Check that a slot is not given to anybody else while somebody is found in it, and that counts in columns,
/// argument values and what is told of it begin anew, in another generation.
#[test]
fn a_slot_begins_anew() {
    let mut kernel = load(&unpinned());
    kernel.alert_on(&BTreeSet::from([nr("ioctl")])).expect("alerts are set");
    let program = Program::new("anew");
    let mut first = program.start(10);
    kernel.untrack(first.id());
    let slot = kernel.take_slot().expect("a slot is free");
    kernel.track(first.id(), slot);
    first.call("1234");
    assert!(kernel.give_column(slot, nr("getppid")), "a column is free");
    first.call("1235");
    assert!(!kernel.give_column(slot, nr("ioctl")), "a watched call stays where its arguments are learned");
    assert_eq!((count(&kernel, slot, "getppid"), count(&kernel, slot, "ioctl")), (20, 2));
    let generation = generation_of(&kernel, slot);

    let given = BTreeSet::from([slot]);
    assert_eq!(kernel.give_back(&given).expect("given back"), given, "somebody was in it");
    assert_eq!(kernel.slot_of(first.id()), None);
    assert_eq!(kernel.give_back(&given).expect("given back"), BTreeSet::new());
    first.end();

    let mut second = program.start(1);
    kernel.untrack(second.id());
    assert_eq!(kernel.take_slot().expect("a slot is free"), slot, "the last one given back");
    kernel.track(second.id(), slot);
    assert_eq!(generation_of(&kernel, slot), generation + 1);
    assert_eq!(kernel.counts(slot).expect("counts").iter().count(), 0, "{:?}", kernel.counts(slot));
    second.call("4321");
    assert!(kernel.give_column(slot, nr("getppid")), "the column is free again");
    second.call("4321");
    assert_eq!((count(&kernel, slot, "getppid"), count(&kernel, slot, "ioctl")), (2, 2));
    let arguments = kernel.arguments().expect("arguments can be read");
    let learned: Vec<_> = arguments.into_iter().filter(|learned| learned.slot == slot).collect();
    assert_eq!(learned.len(), 1, "{learned:?}");
    assert_eq!((learned[0].nr, learned[0].count), (nr("ioctl"), 2));
    let told = |event: &Happening| matches!(event, Happening::Alert { slot: of, .. } if *of == slot);
    assert!(events(&mut kernel).iter().filter(|event| told(event)).count() >= 3, "alerts go on");
}

fn generation_of(kernel: &Kernel, slot: Slot) -> u64 {
    kernel.used_slots().into_iter().find(|used| used.slot == slot).map(|used| used.generation).expect("used")
}
