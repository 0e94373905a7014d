//! Numbers that come from variables: everything that the program stores there, and what pointers there lead to.

use std::collections::{BTreeMap, BTreeSet};

use super::super::globals::{self, Global, NUMBER_BYTES, POINTER_BYTES, Store};
use super::super::resolve::Lost;
use super::{Found, Search, Why};

impl Search<'_, '_> {
    /// Looks up the variables that numbers come from. Says whether there was any.
    pub(super) fn follow_globals(&mut self) -> bool {
        let wanted: Vec<(u64, BTreeSet<Found>)> = std::mem::take(&mut self.globals).into_iter().collect();
        if wanted.is_empty() {
            return false;
        }
        let addresses: BTreeSet<u64> = wanted.iter().map(|&(address, _)| address).collect();
        let stores =
            globals::stores(self.text, (&addresses, NUMBER_BYTES), &mut self.returns, &mut self.budget);
        let by_variable = by_variable(&stores);
        for (address, calls) in wanted {
            let value = globals::value(self.text, address);
            let stores = by_variable.get(&address).map(Vec::as_slice).unwrap_or_default();
            for call in &calls {
                self.global(call, address, &value);
                for store in stores {
                    if !self.budget.take(1 + store.origins.len() as u64) {
                        self.miss(call, address, Why::Lost(Lost::TooMuch));
                        return false;
                    }
                    self.take_in_store(store, call);
                }
            }
        }
        true
    }

    /// Looks up what pointers in variables lead to. Says whether there was any.
    pub(super) fn follow_pointers(&mut self) -> bool {
        let wanted = std::mem::take(&mut self.pointers);
        let addresses: BTreeSet<u64> = wanted.keys().map(|&(address, _)| address).collect();
        let stores =
            globals::stores(self.text, (&addresses, POINTER_BYTES), &mut self.returns, &mut self.budget);
        let by_variable = by_variable(&stores);
        for (&(address, offset), calls) in &wanted {
            let stores = by_variable.get(&address).map(Vec::as_slice).unwrap_or_default();
            let is_argument = globals::value(self.text, address) == Global::Value(0)
                && stores.iter().all(|store| store.is_argument());
            for call in calls {
                if !is_argument {
                    self.miss(call, address, Why::Variable);
                }
                for store in stores {
                    if !self.budget.take(1 + store.origins.len() as u64) {
                        self.miss(call, address, Why::Lost(Lost::TooMuch));
                        return false;
                    }
                    let behind = store.origins.arguments.iter().filter_map(|place| place.behind(offset));
                    for place in behind {
                        // That there is no room for more is told once.
                        if !self.hands_on(store.function, place, &call.wrappers) {
                            break;
                        }
                    }
                }
            }
        }
        !wanted.is_empty()
    }

    fn global(&mut self, call: &Found, address: u64, value: &Global) {
        match *value {
            Global::Value(number) => {
                self.find(number, call);
            }
            Global::Outside => self.miss(call, address, Why::Variable),
        }
    }

    /// Takes in what is stored in the variable that a call gets its number from. One that is copied to itself says
    /// nothing new.
    fn take_in_store(&mut self, store: &Store, call: &Found) {
        self.take_in_values(&store.origins, call, store.function);
        let pointers = store.origins.pointed_to.iter().map(|&(pointer, _)| pointer);
        let others = store.origins.globals.iter().copied().filter(|&other| other != store.variable);
        for other in others.chain(pointers) {
            self.miss(call, other, Why::Variable);
        }
        if store.is_address {
            self.miss(call, store.variable, Why::Variable);
        }
    }
}

/// The stores to each variable.
fn by_variable(stores: &[Store]) -> BTreeMap<u64, Vec<&Store>> {
    let mut all = BTreeMap::<u64, Vec<&Store>>::new();
    for store in stores {
        all.entry(store.variable).or_default().push(store);
    }
    all
}
