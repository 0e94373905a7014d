//! The state of a recording: trees of processes, their roles, and everything counted so far.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::error::Error;
use super::learned::{self, Learned};
use super::life::Life;
use super::procfs::InFlight;
use super::role::{RoleHistory, is_alive};
use crate::golang::GoLayout;
use crate::kernel::{self, Slot, Source, Targets};
use crate::model::{
    Account, Arch, Build, Caller, Host, Losses, Observations, Phase, Reachable, Role, RoleObservations,
    SyscallNr, Timestamp,
};
use crate::syscalls;

/// A call this often between two samples is worth a column of its own.
const BUSY: u64 = 200;

/// Names a process tree, for as long as it is recorded. Never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeId(u64);

/// Turns snapshots and events into observations. Reads no clock and no file.
#[derive(Debug)]
pub struct Recorder {
    started: Timestamp,
    trees: BTreeMap<TreeId, Tree>,
    next_tree: u64,
    roles: BTreeMap<Slot, RoleHistory>,
    /// Slots of Go programs that the kernel side does not know as such.
    new_go: Vec<(Slot, GoLayout)>,
    counted: u64,
}

/// A target with everything that it started.
#[derive(Debug)]
pub(super) struct Tree {
    /// The process that everything in it descends from.
    pub(super) root: u32,
    pub(super) life: Life,
    pub(super) role: Role,
    pub(super) build: Build,
    pub(super) slots: BTreeSet<Slot>,
}

/// How far a recording has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Calls counted.
    pub counted: u64,
    /// Different calls seen.
    pub distinct: usize,
    /// When a call was seen for the first time, the last time that happened.
    pub newest: Option<Timestamp>,
}

impl Recorder {
    /// A recording that begins now.
    pub fn new(started: Timestamp) -> Self {
        Self {
            started,
            trees: BTreeMap::new(),
            next_tree: 0,
            roles: BTreeMap::new(),
            new_go: Vec::new(),
            counted: 0,
        }
    }

    /// Begins to watch a target in a slot.
    pub fn add_tree(&mut self, root: u32, slot: Slot, role: Role, build: Build, life: Life) -> TreeId {
        let tree = self.plant(root, role.clone(), build.clone(), life);
        self.add_role(slot, RoleHistory::new(tree, role, build));
        tree
    }

    fn plant(&mut self, root: u32, role: Role, build: Build, life: Life) -> TreeId {
        let tree = TreeId(self.next_tree);
        self.next_tree += 1;
        self.trees.insert(tree, Tree { root, life, role, build, slots: BTreeSet::new() });
        tree
    }

    /// Goes on with a tree that another daemon watched. `root` is the account of its first slot.
    pub(super) fn restore_tree(&mut self, root: &Account) -> TreeId {
        let mut life = Life::new(root.started);
        if let Some(asked) = root.asked_to_end {
            life.end(asked);
        }
        self.plant(root.process, root.role.clone(), root.build.clone(), life)
    }

    /// Goes on with a slot of a tree.
    pub(super) fn restore_role(&mut self, tree: TreeId, slot: Slot, account: &Account) {
        self.add_role(slot, RoleHistory::restored(tree, account));
    }

    fn add_role(&mut self, slot: Slot, history: RoleHistory) {
        if let Some(tree) = self.trees.get_mut(&history.tree) {
            tree.slots.insert(slot);
            self.new_go.extend(history.go_layout().map(|layout| (slot, layout)));
            self.roles.insert(slot, history);
        }
    }

    /// Watches a tree no longer; its slots are free to be given back.
    pub(super) fn remove_tree(&mut self, tree: TreeId) -> BTreeSet<Slot> {
        let slots = self.trees.remove(&tree).map(|tree| tree.slots).unwrap_or_default();
        for slot in &slots {
            self.roles.remove(slot);
        }
        slots
    }

    /// The tree that a slot belongs to.
    pub(super) fn tree_of(&self, slot: Slot) -> Option<TreeId> {
        self.roles.get(&slot).map(|history| history.tree)
    }

    /// A tree.
    pub(super) fn tree(&self, tree: TreeId) -> Option<&Tree> {
        self.trees.get(&tree)
    }

    /// Every slot that is recorded.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        self.roles.keys().copied()
    }

    /// Whether a process of a tree was left at the last snapshot.
    pub(super) fn was_alive(&self, tree: &Tree) -> bool {
        tree.slots.iter().any(|slot| self.roles.get(slot).is_some_and(RoleHistory::was_alive))
    }

    /// The role of a slot.
    pub(super) fn role_of(&self, slot: Slot) -> Option<&RoleHistory> {
        self.roles.get(&slot)
    }

    /// Begins to watch a process that was already a child of a target.
    pub fn add_child(&mut self, slot: Slot, parent: Slot, build: Build) {
        let tree = self.tree_of(parent);
        if let Some((tree, role)) = tree.and_then(|tree| Some((tree, self.role_in(tree, &build)?))) {
            self.add_role(slot, RoleHistory::new(tree, role, build));
        }
    }

    /// The slot of a binary in the tree of another slot.
    pub fn slot_of(&self, relative: Slot, build: &Build) -> Option<Slot> {
        let tree = self.trees.get(&self.tree_of(relative)?)?;
        let is_same = |history: &RoleHistory| {
            !history.is_ending && history.build.path == build.path && history.build.id == build.id
        };
        tree.slots.iter().copied().find(|slot| self.roles.get(slot).is_some_and(is_same))
    }

    /// The same binary executed again is the same role; another one is a child by its file name.
    fn role_in(&self, tree: TreeId, build: &Build) -> Option<Role> {
        let tree = self.trees.get(&tree)?;
        let name = build.file_name();
        Some(match &tree.role {
            role if tree.build.path == build.path && tree.build.id == build.id => role.clone(),
            Role::Entered(_) => Role::Entered(name),
            Role::Main | Role::Child(_) => Role::Child(name),
        })
    }

    /// Whether a slot is being recorded.
    pub fn knows(&self, slot: Slot) -> bool {
        self.roles.contains_key(&slot)
    }

    /// Whether any process is left of the targets that were not `entered`.
    pub fn has_live_main(&self, source: &impl Source) -> bool {
        let live = |(slot, history): (&Slot, &RoleHistory)| {
            !matches!(history.role, Role::Entered(_)) && is_alive(source.state(*slot))
        };
        self.roles.iter().any(live)
    }

    /// Notes calls that were under way when counting began.
    pub fn in_flight(&mut self, slot: Slot, calls: &[InFlight], now: Timestamp) {
        let Some(history) = self.roles.get_mut(&slot) else { return };
        // Of a 32-bit program, /proc gives the numbers of another table.
        if !history.is_described() {
            return;
        }
        for call in calls {
            let name = syscalls::name(Arch::NATIVE, call.nr).unwrap_or_default();
            history.in_flight(call, syscalls::watched_by_name(name), now);
        }
    }

    /// Whether it helps to look at the binary of a process that just executed in this slot.
    pub fn wants_build(&self, slot: Slot) -> bool {
        self.roles.get(&slot).is_none_or(|history| !history.is_described())
    }

    /// A slot made a call for the first time.
    pub fn first_seen(&mut self, slot: Slot, nr: SyscallNr, time: Timestamp) {
        if let Some(history) = self.roles.get_mut(&slot) {
            history.first_seen(nr, time);
        }
    }

    /// Tells the kernel side of the Go programs that were found since it was last told.
    pub(super) fn describe_go(&mut self, kernel: &mut impl Targets) {
        for (slot, layout) in self.new_go.drain(..) {
            kernel.describe_go(slot, layout);
        }
    }

    /// Somebody in a slot made a call.
    pub fn called(&mut self, slot: Slot, nr: SyscallNr, caller: Caller) {
        if let Some(history) = self.roles.get_mut(&slot) {
            history.called(nr, caller);
        }
    }

    /// The roles of which it is to be found out what their binaries could ever call.
    pub(super) fn unreached(&self) -> impl Iterator<Item = (Slot, &RoleHistory)> {
        self.roles
            .iter()
            .filter(|(_, history)| history.is_unreached())
            .map(|(slot, history)| (*slot, history))
    }

    /// What the binary of a slot could ever call; nothing if that can't be found out.
    pub(super) fn reaches(&mut self, slot: Slot, reachable: Option<Arc<Reachable>>) {
        if let Some(history) = self.roles.get_mut(&slot) {
            history.reaches(reachable);
        }
    }

    /// A target executed a file: a new role, or one that is known already.
    pub fn executed(&mut self, tgid: u32, slot: Slot, previous: Slot, build: Build, time: Timestamp) {
        let Some(history) = self.roles.get_mut(&slot) else {
            let tree = self.tree_of(previous);
            return match tree.filter(|tree| self.trees.get(tree).is_some_and(|tree| tree.root == tgid)) {
                Some(tree) => self.hand_over(tree, slot, build, time),
                None => self.add_child(slot, previous, build),
            };
        };
        if history.is_described() {
            return;
        }
        // The first exec of a command is what its tree is named by.
        if let Some(tree) = self.trees.get_mut(&history.tree)
            && history.role == tree.role
        {
            tree.build.clone_from(&build);
        }
        history.build = build;
        self.new_go.extend(history.go_layout().map(|layout| (slot, layout)));
    }

    /// A wrapper that executes the program in its own place: that is the one that is meant, and its life
    /// begins now. What the wrapper called is under the same filter, and stays as a child's.
    fn hand_over(&mut self, id: TreeId, slot: Slot, build: Build, time: Timestamp) {
        let Some(tree) = self.trees.get_mut(&id) else { return };
        let wrapper = std::mem::replace(&mut tree.build, build.clone());
        let role = match &tree.role {
            Role::Entered(_) => Role::Entered(build.file_name()),
            Role::Main | Role::Child(_) => Role::Main,
        };
        (tree.life, tree.role) = (Life::new(time), role.clone());
        for slot in &tree.slots {
            let Some(history) = self.roles.get_mut(slot) else { continue };
            if history.build == wrapper && history.role == Role::Main {
                history.role = Role::Child(wrapper.file_name());
            }
        }
        self.add_role(slot, RoleHistory::new(id, role, build));
    }

    /// A process was asked to end, and is counted in another slot since. The end of a root is that of its
    /// whole tree.
    pub fn asked_to_end(&mut self, tgid: u32, slot: Slot, previous: Slot, time: Timestamp) {
        let Some(history) = self.roles.get(&previous) else { return };
        if let Some(tree) = self.trees.get_mut(&history.tree)
            && tree.root == tgid
        {
            tree.life.end(time);
        }
        if !self.roles.contains_key(&slot) {
            let ending = history.ending();
            self.add_role(slot, ending);
        }
    }

    /// Begins to watch a slot for processes that were asked to end, of which only the tree is known.
    pub fn add_ending(&mut self, slot: Slot, root: Slot) {
        if let Some(ending) = self.roles.get(&root).map(RoleHistory::ending) {
            self.add_role(slot, ending);
        }
    }

    /// Takes a snapshot of every role.
    pub fn sample(&mut self, source: &mut impl Source, now: Timestamp) -> Result<(), Error> {
        self.sample_each(source, now).into_iter().next().map_or(Ok(()), |(_, error)| Err(error.into()))
    }

    /// Takes a snapshot of every role that can have changed; says where that failed.
    pub(super) fn sample_each(
        &mut self,
        source: &mut impl Source,
        now: Timestamp,
    ) -> Vec<(Slot, kernel::Error)> {
        let mut failures = Vec::new();
        for (slot, history) in &mut self.roles {
            // Read before the counts: who was gone then counts no more.
            let state = source.state(*slot);
            if history.is_settled(state) {
                continue;
            }
            let life = self.trees.get(&history.tree).map(|tree| tree.life);
            let is_ending = history.is_ending;
            let phase = |time| match life {
                Some(life) if !is_ending => life.phase(time),
                _ => Phase::Shutdown,
            };
            match source.counts(*slot) {
                Ok(row) => {
                    for (nr, more) in history.sample(row, state, phase, now) {
                        self.counted += more;
                        if more >= BUSY {
                            source.give_column(*slot, nr);
                        }
                    }
                }
                Err(error) => failures.push((*slot, error)),
            }
        }
        failures
    }

    /// Hands out everything of a tree once more, with the next snapshot.
    pub(super) fn tell_again(&mut self, tree: TreeId) {
        self.roles.values_mut().filter(|history| history.tree == tree).for_each(RoleHistory::tell_again);
    }

    /// Hands out what is new since the last time in the trees that are wanted. `learned` holds the arguments
    /// learned so far, if those are asked for.
    pub(super) fn harvest(
        &mut self,
        mut learned: Learned,
        is_wanted: impl Fn(TreeId) -> bool,
    ) -> Vec<(TreeId, RoleObservations)> {
        let wanted = self.roles.iter_mut().filter(|(_, history)| is_wanted(history.tree));
        let new = wanted.filter_map(|(slot, history)| {
            Some((history.tree, history.harvest(learned.remove(slot).unwrap_or_default())?))
        });
        new.collect()
    }

    /// How far the recording has come.
    pub fn progress(&self) -> Progress {
        let distinct: BTreeSet<_> = self.roles.values().flat_map(RoleHistory::calls).collect();
        let newest = self.roles.values().filter_map(RoleHistory::newest).max();
        Progress { counted: self.counted, distinct: distinct.len(), newest }
    }

    /// Ends the recording with a last snapshot.
    pub fn finish(
        mut self,
        source: &mut impl Source,
        now: Timestamp,
        host: Host,
    ) -> Result<Observations, Error> {
        self.sample(source, now)?;
        let learned = learned::read(source)?;
        let mut roles: BTreeMap<_, RoleObservations> = BTreeMap::new();
        for (_, observed) in self.harvest(learned, |_| true) {
            let key = (observed.role.clone(), observed.build.path.clone(), observed.build.id.clone());
            match roles.get_mut(&key) {
                Some(known) => known.absorb(observed),
                None => drop(roles.insert(key, observed)),
            }
        }
        let losses = source.losses().into_iter().filter(|(_, count)| *count > 0);
        Ok(Observations {
            host,
            started: self.started,
            ended: now,
            roles: roles.into_values().collect(),
            losses: Losses(losses.map(|(reason, count)| (reason.to_owned(), count)).collect()),
        })
    }
}
