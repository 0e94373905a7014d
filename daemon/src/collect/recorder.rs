//! The state of a recording: trees of processes, their roles, and everything counted so far.

use std::collections::{BTreeMap, BTreeSet};

use super::error::Error;
use super::life::Life;
use super::procfs::InFlight;
use super::role::RoleHistory;
use crate::kernel::{Slot, Source};
use crate::model::{
    Arch, Arguments, Build, Host, Losses, Observations, Phase, Role, RoleObservations, SyscallNr, Timestamp,
};
use crate::syscalls;

/// A call this often between two samples is worth a column of its own.
const BUSY: u64 = 200;

/// Turns snapshots and events into observations. Reads no clock and no file.
#[derive(Debug)]
pub struct Recorder {
    started: Timestamp,
    trees: Vec<Tree>,
    roles: BTreeMap<Slot, RoleHistory>,
    counted: u64,
}

/// A target with everything that it started.
#[derive(Debug)]
struct Tree {
    /// The process that everything in it descends from.
    root: u32,
    life: Life,
    role: Role,
    build: Build,
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
        Self { started, trees: Vec::new(), roles: BTreeMap::new(), counted: 0 }
    }

    /// Begins to watch a target in a slot.
    pub fn add_tree(&mut self, root: u32, slot: Slot, role: Role, build: Build, life: Life) {
        let tree = self.trees.len();
        self.trees.push(Tree { root, life, role: role.clone(), build: build.clone() });
        self.roles.insert(slot, RoleHistory::new(tree, role, build));
    }

    /// Begins to watch a process that was already a child of a target.
    pub fn add_child(&mut self, slot: Slot, parent: Slot, build: Build) {
        if let Some(tree) = self.roles.get(&parent).map(|parent| parent.tree) {
            let role = self.role_in(tree, &build);
            self.roles.insert(slot, RoleHistory::new(tree, role, build));
        }
    }

    /// The slot of a binary in the tree of another slot.
    pub fn slot_of(&self, relative: Slot, build: &Build) -> Option<Slot> {
        let tree = self.roles.get(&relative)?.tree;
        let is_same = |history: &RoleHistory| {
            history.tree == tree
                && !history.is_ending
                && history.build.path == build.path
                && history.build.id == build.id
        };
        self.roles.iter().find(|(_, history)| is_same(history)).map(|(slot, _)| *slot)
    }

    /// The same binary executed again is the same role; another one is a child by its file name.
    fn role_in(&self, tree: usize, build: &Build) -> Role {
        let tree = &self.trees[tree];
        let name = build.file_name();
        match &tree.role {
            role if tree.build.path == build.path && tree.build.id == build.id => role.clone(),
            Role::Entered(_) => Role::Entered(name),
            Role::Main | Role::Child(_) => Role::Child(name),
        }
    }

    /// Whether a slot is being recorded.
    pub fn knows(&self, slot: Slot) -> bool {
        self.roles.contains_key(&slot)
    }

    /// Whether any process is left of the targets that were not `entered`.
    pub fn has_live_main(&self, source: &impl Source) -> bool {
        let live = |(slot, history): (&Slot, &RoleHistory)| {
            !matches!(history.role, Role::Entered(_)) && source.state(*slot).live.cast_signed() > 0
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

    /// A target executed a file: a new role, or one that is known already.
    pub fn executed(&mut self, tgid: u32, slot: Slot, previous: Slot, build: Build, time: Timestamp) {
        let Some(history) = self.roles.get_mut(&slot) else {
            let tree = self.roles.get(&previous).map(|previous| previous.tree);
            return match tree.filter(|tree| self.trees[*tree].root == tgid) {
                Some(tree) => self.hand_over(tree, slot, build, time),
                None => self.add_child(slot, previous, build),
            };
        };
        if history.is_described() {
            return;
        }
        // The first exec of a command is what its tree is named by.
        let tree = &mut self.trees[history.tree];
        if history.role == tree.role {
            tree.build.clone_from(&build);
        }
        history.build = build;
    }

    /// A wrapper that executes the program in its own place: that is the one that is meant, and its life
    /// begins now. What the wrapper called is under the same filter, and stays as a child's.
    fn hand_over(&mut self, tree: usize, slot: Slot, build: Build, time: Timestamp) {
        let wrapper = self.trees[tree].build.clone();
        let role = match &self.trees[tree].role {
            Role::Entered(_) => Role::Entered(build.file_name()),
            Role::Main | Role::Child(_) => Role::Main,
        };
        let is_wrapper = |history: &&mut RoleHistory| history.tree == tree && history.build == wrapper;
        for history in self.roles.values_mut().filter(is_wrapper) {
            if history.role == Role::Main {
                history.role = Role::Child(wrapper.file_name());
            }
        }
        let root = self.trees[tree].root;
        self.trees[tree] = Tree { root, life: Life::new(time), role: role.clone(), build: build.clone() };
        self.roles.insert(slot, RoleHistory::new(tree, role, build));
    }

    /// A process was asked to end, and is counted in another slot since. The end of a root is that of its
    /// whole tree.
    pub fn asked_to_end(&mut self, tgid: u32, slot: Slot, previous: Slot, time: Timestamp) {
        let Some(history) = self.roles.get(&previous) else { return };
        let tree = &mut self.trees[history.tree];
        if tree.root == tgid {
            tree.life.end(time);
        }
        let ending = history.ending();
        self.roles.entry(slot).or_insert(ending);
    }

    /// Begins to watch a slot for processes that were asked to end, of which only the tree is known.
    pub fn add_ending(&mut self, slot: Slot, root: Slot) {
        if let Some(ending) = self.roles.get(&root).map(RoleHistory::ending) {
            self.roles.insert(slot, ending);
        }
    }

    /// Takes a snapshot of every role.
    pub fn sample(&mut self, source: &mut impl Source, now: Timestamp) -> Result<(), Error> {
        for (slot, history) in &mut self.roles {
            let by_tree = self.trees[history.tree].life.phase(now);
            let phase = if history.is_ending { Phase::Shutdown } else { by_tree };
            for (nr, more) in history.sample(source.counts(*slot)?, phase, now) {
                self.counted += more;
                if more >= BUSY {
                    source.give_column(*slot, nr);
                }
            }
        }
        Ok(())
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
        let losses = source.losses();
        let mut arguments =
            learned_arguments(source, losses.get("arguments_full").is_some_and(|lost| *lost > 0))?;
        let mut roles: BTreeMap<_, RoleObservations> = BTreeMap::new();
        for (slot, history) in self.roles {
            let observed = history.finish(source.state(slot), arguments.entry(slot).or_default());
            let key = (observed.role.clone(), observed.build.path.clone(), observed.build.id.clone());
            match roles.get_mut(&key) {
                Some(known) => known.absorb(observed),
                None => drop(roles.insert(key, observed)),
            }
        }
        let losses = losses.into_iter().filter(|(_, count)| *count > 0);
        Ok(Observations {
            host,
            started: self.started,
            ended: now,
            roles: roles.into_values().collect(),
            losses: Losses(losses.map(|(reason, count)| (reason.to_owned(), count)).collect()),
        })
    }
}

/// Learned values by slot and call. Where some were lost, no list of values is whole.
fn learned_arguments(
    source: &impl Source,
    lost: bool,
) -> Result<BTreeMap<Slot, BTreeMap<SyscallNr, Arguments>>, Error> {
    let mut learned: BTreeMap<Slot, BTreeMap<SyscallNr, Arguments>> = BTreeMap::new();
    for entry in source.arguments()? {
        let name = syscalls::name(Arch::NATIVE, entry.nr).unwrap_or_default();
        let Some(watched) = syscalls::watched_by_name(name) else { continue };
        let one = match entry.values {
            Some(values) if !lost => {
                let values = values[..watched.arguments.len()].to_vec();
                Arguments::Values([(values, entry.count)].into())
            }
            _ => Arguments::Any,
        };
        let calls = learned.entry(entry.slot).or_default();
        match calls.get_mut(&entry.nr) {
            Some(known) => known.absorb(one),
            None => drop(calls.insert(entry.nr, one)),
        }
    }
    Ok(learned)
}
