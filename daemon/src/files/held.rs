//! A lock that ends when its owner lets go of it.
//!
//! A lock of `flock(2)` belongs to the open file, not to whoever opened it: a process that another thread is about to
//! start has a copy until it executes its program. Closing the file alone would leave it locked for that long.

use std::fs::File;

/// An open file that this process has locked. It is given back when this is dropped, or the process ends.
#[derive(Debug)]
pub struct Held(File);

impl Held {
    /// Keeps a lock that was just taken on this file.
    pub const fn new(locked: File) -> Self {
        Self(locked)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::debug!(%error, "a lock ends with its file only");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that a lock is given back although somebody has a copy of the file, as a process has that another thread
    /// is starting.
    #[test]
    fn a_copy_does_not_keep_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let open = || File::open(folder.path()).unwrap();
        let first = open();
        first.try_lock().unwrap();
        let _copy = first.try_clone().unwrap();
        let held = Held::new(first);
        assert!(open().try_lock().is_err(), "it is held");
        drop(held);
        open().try_lock().unwrap();
    }
}
