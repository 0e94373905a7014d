//! What is shown of a generation.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::export::view::GenerationView;
use crate::model::SyscallNr;
use crate::policy::Tier;

/// Names in the order in which people look for them.
pub(super) fn names(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

/// What is known of calls may change while what runtimes read stays.
pub(super) fn has_tiers(view: &mut Arc<GenerationView>, tiers: BTreeMap<Tier, Vec<SyscallNr>>) {
    if view.tiers != tiers {
        Arc::make_mut(view).tiers = tiers;
    }
}
