//! What is shown of a generation.

/// Names in the order in which people look for them.
pub(super) fn names(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}
