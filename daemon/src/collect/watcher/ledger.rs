//! What was handed out, so that a daemon that starts again takes in only what is new.

use std::collections::BTreeMap;

use super::Watcher;
use super::tree::{Told, Watched};
use crate::collect::discovery::Wanted;
use crate::collect::workload::{Home, identify};
use crate::kernel::{Slot, Targets, UsedSlot};
use crate::model::{Account, Ledger, Place, Role, Timestamp, ToldOf, WorkloadId};

impl<K: Targets> Watcher<K> {
    /// The slots of a workload, as of everything that was handed out.
    pub fn ledger(&self, workload: &WorkloadId) -> Ledger {
        let its = self
            .trees
            .iter()
            .filter(|(_, watched)| watched.is_workload && watched.home.workload == *workload);
        let accounts = its.flat_map(|(id, watched)| {
            let tree = self.recorder.tree(*id);
            tree.into_iter().flat_map(|tree| {
                tree.slots.iter().filter_map(|slot| {
                    let used = self.used.get(slot)?;
                    let account = Account {
                        generation: used.generation,
                        root: used.root.unwrap_or(*slot).get(),
                        process: tree.root,
                        is_whole: watched.is_whole,
                        told: watched.told.of(),
                        started: tree.life.started(),
                        asked_to_end: tree.life.asked_to_end(),
                        ..no_account()
                    };
                    Some(self.recorder.role_of(*slot)?.account(*slot, &account))
                })
            })
        });
        Ledger { epoch: self.kernel.epoch().to_owned(), accounts: accounts.collect() }
    }

    /// Remembers what the kernel says of the slots that are recorded.
    pub(super) fn note_used(&mut self) {
        let is_new = |slot: &Slot| !self.used.contains_key(slot);
        if self.recorder.slots().any(|slot| is_new(&slot)) {
            let used = self.kernel.used_slots().into_iter();
            self.used =
                used.filter(|used| self.recorder.knows(used.slot)).map(|used| (used.slot, used)).collect();
        }
    }

    /// Goes on from ledgers of the same load of the kernel side. Slots that were given out again since are others'.
    pub(super) fn restore(&mut self, ledgers: Vec<(WorkloadId, Ledger)>) {
        let epoch = self.kernel.epoch().to_owned();
        let used: BTreeMap<u16, UsedSlot> =
            self.kernel.used_slots().into_iter().map(|used| (used.slot.get(), used)).collect();
        for (workload, ledger) in ledgers.into_iter().filter(|(_, ledger)| ledger.epoch == epoch) {
            // By the first process, as it is told from another one of its id. Slots that user space took for children
            // that ran already are roots of their own.
            let mut trees: BTreeMap<(u32, Timestamp), Vec<Account>> = BTreeMap::new();
            for account in ledger.accounts {
                let is_same = used.get(&account.slot).is_some_and(|used| {
                    used.generation == account.generation
                        && used.root.map_or(account.slot, Slot::get) == account.root
                        && !self.recorder.knows(used.slot)
                });
                if is_same {
                    trees.entry((account.process, account.started)).or_default().push(account);
                }
            }
            for accounts in trees.into_values() {
                self.restore_tree(&workload, &accounts);
            }
        }
        self.note_used();
    }

    fn restore_tree(&mut self, workload: &WorkloadId, accounts: &[Account]) {
        let is_first = |account: &&Account| account.slot == account.root && !account.is_ending;
        let is_main = |account: &&Account| account.role == Role::Main && !account.is_ending;
        let main =
            accounts.iter().find(is_main).or_else(|| accounts.iter().find(is_first)).or(accounts.first());
        let Some(main) = main else { return };
        let tree = self.recorder.restore_tree(main);
        for account in accounts {
            if let Some(slot) = Slot::new(account.slot) {
                self.recorder.restore_role(tree, slot, account);
            }
        }
        let home = self.home_of(workload, main);
        let mut watched =
            Watched::new(home, Wanted::ByName, main.is_whole, self.trouble.total(), main.started);
        watched.is_workload = true;
        let (start, shutdown) = (main.told >= ToldOf::Start, main.told >= ToldOf::Shutdown);
        watched.told = Told { start, shutdown, counts: None, arguments: None };
        self.trees.insert(tree, watched);
    }

    /// Where a tree of a workload runs, if its first process still does.
    fn home_of(&self, workload: &WorkloadId, main: &Account) -> Home {
        let mut home = Home { workload: workload.clone(), place: Place::default(), instance: None };
        if self.kernel.slot_of(main.process).is_some()
            && let Ok(groups) = self.procfs.cgroups(main.process)
        {
            let found = identify(&main.build.path, &groups, &self.runtimes);
            (home.place, home.instance) = (found.place, found.instance);
        }
        home
    }
}

/// An account of nothing, to be filled in.
pub(in crate::collect) fn no_account() -> Account {
    Account {
        slot: 0,
        generation: 0,
        root: 0,
        process: 0,
        is_whole: false,
        told: ToldOf::Nothing,
        started: Timestamp::default(),
        asked_to_end: None,
        role: Role::Main,
        build: crate::model::Build::default(),
        is_ending: false,
        processes: 0,
        foreign: 0,
        counts: BTreeMap::new(),
        arguments: BTreeMap::new(),
    }
}
