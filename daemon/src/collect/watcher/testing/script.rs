//! A kernel side without a kernel.

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Write as _;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use crate::golang::GoLayout;
use crate::kernel::{
    ArgumentCount, CountRow, Error, FileKey, Happening, ProgramRuns, Slot, SlotState, Source, Targets,
    UsedSlot, Verdict,
};
use crate::model::{SyscallNr, Timestamp};

/// The slots that user space takes begin here; the kernel's own are below.
const OWN: u16 = 500;

/// Shared between the watcher and its test.
#[derive(Clone)]
pub(crate) struct Script {
    state: Rc<RefCell<State>>,
    epoch: String,
    /// The kernel side's end, and ours: it is readable when we say so.
    fd: Rc<(UnixStream, UnixStream)>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) processes: BTreeMap<u32, Slot>,
    pub(crate) rows: BTreeMap<Slot, CountRow>,
    pub(crate) states: BTreeMap<Slot, SlotState>,
    pub(crate) used: BTreeMap<Slot, UsedSlot>,
    pub(crate) events: VecDeque<Happening>,
    pub(crate) verdicts: BTreeMap<FileKey, Verdict>,
    pub(crate) forgotten: usize,
    pub(crate) given_back: Vec<Slot>,
    pub(crate) losses: BTreeMap<&'static str, u64>,
    pub(crate) arguments: Vec<ArgumentCount>,
    pub(crate) watched_for: BTreeSet<SyscallNr>,
    /// Slots whose counters can't be read.
    pub(crate) broken: BTreeSet<Slot>,
    pub(crate) reads: usize,
    /// The file that a slot began with.
    pub(crate) files: BTreeMap<Slot, FileKey>,
    pub(crate) arguments_lost: Vec<Slot>,
    pub(crate) is_short_of_slots: bool,
    /// What happens between a look at a process and its being put into a slot, or right after that.
    pub(crate) before_track: BTreeMap<u32, Meanwhile>,
    pub(crate) after_track: BTreeMap<u32, Meanwhile>,
    generations: BTreeMap<Slot, u64>,
}

type Meanwhile = Box<dyn FnOnce(&Script)>;

pub(crate) fn slot(number: u16) -> Slot {
    Slot::new(number).unwrap()
}

pub(crate) fn number(nr: u16) -> SyscallNr {
    SyscallNr::new(nr).unwrap()
}

/// So many seconds after the tests' beginning of time.
pub(crate) fn time(seconds: u64) -> Timestamp {
    Timestamp::from_unix_nanos((1_000_000 + seconds) * 1_000_000_000)
}

impl Script {
    pub(crate) fn new(epoch: &str) -> Self {
        let fd = UnixStream::pair().unwrap();
        fd.1.set_nonblocking(true).unwrap();
        Self { state: Rc::default(), epoch: epoch.into(), fd: Rc::new(fd) }
    }

    /// The same kernel side, loaded anew under another name.
    pub(crate) fn renamed(&self, epoch: &str) -> Self {
        Self { epoch: epoch.into(), ..self.clone() }
    }

    pub(crate) fn state(&self) -> RefMut<'_, State> {
        self.state.borrow_mut()
    }

    /// A process that is no target executes a file, and is in `slot` from then on.
    pub(crate) fn exec(&self, pid: u32, slot: Slot, file: u64, name: &str, at: Timestamp) {
        self.enter(pid, slot, slot);
        self.exec_event(pid, slot, None, file, name, at);
    }

    /// A target executes a file, and is in `slot` from then on.
    pub(crate) fn exec_again(&self, pid: u32, slot: Slot, file: u64, name: &str, at: Timestamp) {
        let previous = self.state().processes[&pid];
        let root = self.state().used[&previous].root.unwrap();
        self.leave(pid);
        self.enter(pid, slot, root);
        self.exec_event(pid, slot, Some(previous), file, name, at);
    }

    fn exec_event(
        &self,
        tgid: u32,
        slot: Slot,
        previous: Option<Slot>,
        file: u64,
        name: &str,
        time: Timestamp,
    ) {
        let (file, name) = (key(file), name.to_owned());
        self.state().files.entry(slot).or_insert(file);
        let event = Happening::Exec { time, tgid, slot, previous, fresh: true, file, group: 1, name };
        self.state().events.push_back(event);
    }

    pub(crate) fn fork(&self, parent: u32, child: u32) {
        let slot = self.state().processes[&parent];
        let root = self.state().used[&slot].root.unwrap();
        self.enter(child, slot, root);
    }

    /// A process that the kernel side puts into a slot, whoever it is.
    pub(crate) fn fork_into(&self, pid: u32, slot: Slot) {
        self.enter(pid, slot, slot);
        self.leave(pid);
    }

    pub(crate) fn signal(&self, tgid: u32, slot: Slot, time: Timestamp) {
        let previous = self.state().processes[&tgid];
        let root = self.state().used[&previous].root.unwrap();
        self.leave(tgid);
        self.enter(tgid, slot, root);
        self.state().used.get_mut(&slot).unwrap().is_ending = true;
        self.state().events.push_back(Happening::Signal { time, tgid, slot, previous, signal: 15 });
    }

    pub(crate) fn exit(&self, tgid: u32, time: Timestamp) {
        let slot = self.leave(tgid);
        self.state().events.push_back(Happening::Exit { time, tgid, slot, status: 0 });
    }

    pub(crate) fn call(&self, slot: Slot, nr: u16, count: u64) {
        self.state().rows.entry(slot).or_default().add(number(nr), count);
    }

    /// Something that should not wait for the next poll.
    pub(crate) fn event(&self, happening: Happening) {
        self.state().events.push_back(happening);
        // A pair that is full is readable.
        let _ = (&self.fd.1).write(&[1]);
    }

    fn enter(&self, pid: u32, slot: Slot, root: Slot) {
        let mut state = self.state();
        state.processes.insert(pid, slot);
        let counts = state.states.entry(slot).or_default();
        counts.live += 1;
        counts.processes += 1;
        let generation = state.generations.get(&slot).copied().unwrap_or(0);
        let fresh = UsedSlot { slot, root: Some(root), is_ending: false, generation };
        state.used.entry(slot).or_insert(fresh);
    }

    fn leave(&self, pid: u32) -> Slot {
        let mut state = self.state();
        let slot = state.processes.remove(&pid).unwrap();
        state.states.get_mut(&slot).unwrap().live -= 1;
        slot
    }
}

pub(crate) fn key(inode: u64) -> FileKey {
    FileKey { inode, ..FileKey::default() }
}

impl AsFd for Script {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.0.as_fd()
    }
}

impl Source for Script {
    fn counts(&self, slot: Slot) -> Result<CountRow, Error> {
        self.state().reads += 1;
        if self.state().broken.contains(&slot) {
            return Err(Error::NoFreeSlot { slots: 0 });
        }
        Ok(self.state().rows.get(&slot).cloned().unwrap_or_default())
    }

    fn state(&self, slot: Slot) -> SlotState {
        Script::state(self).states.get(&slot).copied().unwrap_or_default()
    }

    fn arguments(&self) -> Result<Vec<ArgumentCount>, Error> {
        Ok(Script::state(self).arguments.clone())
    }

    fn arguments_lost(&self) -> Vec<Slot> {
        Script::state(self).arguments_lost.clone()
    }

    fn losses(&self) -> BTreeMap<&'static str, u64> {
        Script::state(self).losses.clone()
    }

    fn give_column(&mut self, _: Slot, _: SyscallNr) -> bool {
        false
    }

    fn next_event(&mut self) -> Option<Happening> {
        Script::state(self).events.pop_front()
    }
}

impl Targets for Script {
    fn epoch(&self) -> &str {
        &self.epoch
    }

    fn take_slot(&mut self) -> Result<Slot, Error> {
        let used: BTreeSet<Slot> = Script::state(self).used.keys().copied().collect();
        let slot = (OWN..u16::MAX).filter_map(Slot::new).find(|slot| !used.contains(slot)).unwrap();
        let generation = Script::state(self).generations.get(&slot).copied().unwrap_or(0);
        let fresh = UsedSlot { slot, root: Some(slot), is_ending: false, generation };
        Script::state(self).used.insert(slot, fresh);
        Ok(slot)
    }

    fn track(&mut self, tgid: u32, slot: Slot) {
        let before = Script::state(self).before_track.remove(&tgid);
        if let Some(happens) = before {
            happens(self);
        }
        if self.slot_of(tgid).is_none() {
            self.enter(tgid, slot, slot);
        }
        let after = Script::state(self).after_track.remove(&tgid);
        if let Some(happens) = after {
            happens(self);
        }
    }

    fn undo_track(&mut self, tgid: u32, slot: Slot) {
        if self.slot_of(tgid) == Some(slot) {
            self.leave(tgid);
        }
    }

    fn untrack(&mut self, tgid: u32) {
        Script::state(self).processes.remove(&tgid);
    }

    fn slot_of(&self, tgid: u32) -> Option<Slot> {
        Script::state(self).processes.get(&tgid).copied()
    }

    fn used_slots(&self) -> Vec<UsedSlot> {
        let state = Script::state(self);
        let is_used = |slot: &Slot| state.states.get(slot).is_some_and(|counts| counts.processes > 0);
        state.used.values().filter(|used| is_used(&used.slot)).copied().collect()
    }

    fn describe_go(&mut self, _: Slot, _: GoLayout) {}

    fn is_short_of_slots(&self) -> bool {
        Script::state(self).is_short_of_slots
    }

    fn ignored(&self, slots: &BTreeSet<Slot>) -> Result<BTreeSet<Slot>, Error> {
        let state = Script::state(self);
        let is_ignored = |slot: &&Slot| {
            state.files.get(slot).and_then(|file| state.verdicts.get(file)) == Some(&Verdict::Ignored)
        };
        Ok(slots.iter().filter(is_ignored).copied().collect())
    }

    fn decide(&mut self, file: FileKey, verdict: Verdict) -> Result<(), Error> {
        Script::state(self).verdicts.insert(file, verdict);
        Ok(())
    }

    fn forget_verdicts(&mut self) -> Result<(), Error> {
        let mut state = Script::state(self);
        state.verdicts.clear();
        state.forgotten += 1;
        Ok(())
    }

    fn give_back(&mut self, slots: &BTreeSet<Slot>) -> Result<BTreeSet<Slot>, Error> {
        let mut state = Script::state(self);
        let left: BTreeSet<Slot> =
            state.processes.values().copied().filter(|slot| slots.contains(slot)).collect();
        state.processes.retain(|_, slot| !left.contains(slot));
        for slot in slots.difference(&left) {
            state.rows.remove(slot);
            state.states.remove(slot);
            state.used.remove(slot);
            state.files.remove(slot);
            state.arguments.retain(|entry| entry.slot != *slot);
            *state.generations.entry(*slot).or_default() += 1;
            state.given_back.push(*slot);
        }
        Ok(left)
    }

    fn alert_on(&mut self, calls: &BTreeSet<SyscallNr>) -> Result<(), Error> {
        Script::state(self).watched_for.clone_from(calls);
        Ok(())
    }

    fn synchronize(&mut self) {}

    fn programs(&self) -> Vec<ProgramRuns> {
        Vec::new()
    }

    fn flush_log(&mut self) {}
}
