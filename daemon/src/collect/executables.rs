//! What is known of executable files, so that each is looked at once.

use std::collections::BTreeMap;

use crate::kernel::FileKey;
use crate::model::Build;

/// Files that are remembered; the one that was needed longest ago makes room.
const MOST: usize = 2048;

/// Files by the kernel's key: a file that was changed is another one.
#[derive(Debug, Default)]
pub(super) struct Executables {
    known: BTreeMap<FileKey, Known>,
    uses: u64,
}

#[derive(Debug)]
struct Known {
    build: Build,
    used: u64,
}

impl Executables {
    /// What is known of a file. Its path is the one by which it was looked at.
    pub(super) fn get(&mut self, file: &FileKey) -> Option<&Build> {
        self.uses += 1;
        let known = self.known.get_mut(file)?;
        known.used = self.uses;
        Some(&known.build)
    }

    /// Remembers a file.
    pub(super) fn insert(&mut self, file: FileKey, build: Build) {
        if self.known.len() >= MOST
            && let Some(oldest) = self.known.iter().min_by_key(|(_, known)| known.used).map(|(file, _)| *file)
        {
            self.known.remove(&oldest);
        }
        self.uses += 1;
        self.known.insert(file, Known { build, used: self.uses });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that the memory is bounded, and keeps what is needed.
    #[test]
    fn what_is_needed_stays() {
        let key = |inode: usize| FileKey { inode: inode as u64, ..FileKey::default() };
        let mut executables = Executables::default();
        for inode in 0..2 * MOST {
            executables.insert(key(inode), Build::default());
            assert!(executables.get(&key(0)).is_some());
        }
        assert_eq!(executables.known.len(), MOST);
        assert!(executables.get(&key(1)).is_none());
    }
}
