use super::*;
use crate::collect::Life;
use crate::collect::recorder::Recorder;

fn row(counts: &[(u32, u64)]) -> CountRow {
    let mut row = CountRow::default();
    for (nr, count) in counts {
        row.add(number(*nr), *count);
    }
    row
}

fn number(nr: u32) -> SyscallNr {
    SyscallNr::new(u16::try_from(nr).unwrap()).unwrap()
}

fn history() -> RoleHistory {
    let mut recorder = Recorder::new(Timestamp::default());
    let slot = Slot::new(1).unwrap();
    let life = Life::new(Timestamp::default());
    RoleHistory::new(
        recorder.add_tree(1, slot, Role::Main, Build::default(), life),
        Role::Main,
        Build::default(),
    )
}

/// Check that a first call that was announced in startup is counted there, though it was read late.
#[test]
fn an_announced_call_keeps_its_phase() {
    let mut history = history();
    let life = Life::new(Timestamp::from_unix_nanos(0));
    let late = Timestamp::from_unix_nanos(60_000_000_000);
    history.first_seen(number(1), Timestamp::from_unix_nanos(1_000_000_000));
    history.sample(row(&[(1, 10), (2, 5)]), SlotState::default(), |time| life.phase(time), late);
    let observed = history.harvest(BTreeMap::new()).unwrap();
    assert_eq!(observed.syscalls[&number(1)].counts, PhaseCounts::new(1, 9, 0));
    assert_eq!(observed.syscalls[&number(2)].counts, PhaseCounts::new(0, 5, 0));
}

/// Check that each harvest holds only what is new, and none is made of nothing.
#[test]
fn harvests_are_increments() {
    let mut history = history();
    let state = SlotState { live: 1, processes: 2, foreign: 3 };
    let steady = |_| Phase::Steady;
    history.sample(row(&[(1, 10)]), state, steady, Timestamp::default());
    let first = history.harvest(BTreeMap::new()).unwrap();
    assert_eq!((first.processes, first.foreign, first.syscalls.len()), (2, 3, 1));
    assert_eq!(history.harvest(BTreeMap::new()), None);
    history.sample(row(&[(1, 15), (2, 1)]), state, steady, Timestamp::default());
    let waiting = history.account(Slot::new(1).unwrap(), &crate::collect::watcher::no_account());
    assert_eq!(waiting.counts, [(number(1), 10)].into(), "what waits is in no account");
    let second = history.harvest(BTreeMap::new()).unwrap();
    assert_eq!((second.processes, second.syscalls[&number(1)].counts.total()), (0, 5));
}
/// Check that what a binary could ever call is handed out once, and again when everything is.
#[test]
fn reach_is_handed_out_once() {
    let mut history = history();
    let state = SlotState { live: 1, processes: 1, foreign: 0 };
    history.sample(row(&[(1, 10)]), state, |_| Phase::Steady, Timestamp::default());
    assert_eq!(history.harvest(BTreeMap::new()).unwrap().reachable, None);
    let reachable = Arc::new(Reachable::default());
    history.reaches(Some(Arc::clone(&reachable)));
    let news = history.harvest(BTreeMap::new()).unwrap();
    assert_eq!((news.reachable.as_ref(), news.processes), (Some(&reachable), 0));
    assert_eq!(history.harvest(BTreeMap::new()), None);
    history.tell_again();
    assert_eq!(history.harvest(BTreeMap::new()).unwrap().reachable, Some(reachable));
}
