//! Which files ended or held up a worker, and how much time that took. Pure: the time is given.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use super::Error;

/// For how long a file is left alone. On a machine that is too busy a good one may have been late.
pub(super) const MEMORY: Duration = Duration::from_mins(10);
/// The time in which only so much of it may be lost.
const WINDOW: Duration = Duration::from_mins(1);
/// How much: who waits for an answer does nothing else meanwhile.
const MOST_LOST: Duration = Duration::from_secs(5);
/// Files that are remembered; the one that was longest ago makes room.
const MOST_FILES: usize = 1024;

/// A file with what it holds: one that was changed is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Identity {
    /// That of a file, as it is now.
    pub fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Blame {
    files: BTreeMap<Identity, Instant>,
    lost: Duration,
    since: Option<Instant>,
}

impl Blame {
    /// Whether a file may be read now.
    pub(super) fn check(&self, file: Identity, now: Instant) -> Result<(), Error> {
        if self.files.get(&file).is_some_and(|then| now.saturating_duration_since(*then) < MEMORY) {
            return Err(Error::Remembered);
        }
        let in_window = self.since.is_some_and(|since| now.saturating_duration_since(since) < WINDOW);
        if in_window && self.lost >= MOST_LOST {
            return Err(Error::Exhausted);
        }
        Ok(())
    }

    /// A file is to be left alone.
    pub(super) fn remember(&mut self, file: Identity, now: Instant) {
        self.files.retain(|_, then| now.saturating_duration_since(*then) < MEMORY);
        if self.files.len() >= MOST_FILES
            && let Some(oldest) = self.files.iter().min_by_key(|(_, then)| **then).map(|(file, _)| *file)
        {
            self.files.remove(&oldest);
        }
        self.files.insert(file, now);
    }

    /// Time was lost.
    pub(super) fn lose(&mut self, time: Duration, now: Instant) {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= WINDOW) {
            (self.since, self.lost) = (Some(now), Duration::ZERO);
        }
        self.lost = self.lost.saturating_add(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(inode: u64) -> Identity {
        Identity { device: 1, inode, size: 1, changed: (1, 1) }
    }

    /// Check that a file is left alone for a while, and only as long as it is the same.
    #[test]
    fn files_are_left_alone_for_a_while() {
        let (mut blame, now) = (Blame::default(), Instant::now());
        blame.remember(file(1), now);
        assert!(matches!(blame.check(file(1), now), Err(Error::Remembered)));
        assert!(blame.check(Identity { size: 2, ..file(1) }, now).is_ok());
        assert!(blame.check(file(1), now + MEMORY).is_ok());
    }

    /// Check that only so much time is lost within a minute, whichever files it is lost by.
    #[test]
    fn lost_time_is_bounded() {
        let (mut blame, now) = (Blame::default(), Instant::now());
        for number in 0..5 {
            assert!(blame.check(file(number), now).is_ok(), "{number}");
            blame.lose(Duration::from_secs(1), now);
        }
        assert!(matches!(blame.check(file(9), now), Err(Error::Exhausted)));
        assert!(blame.check(file(9), now + WINDOW).is_ok());
        blame.lose(Duration::from_secs(1), now + WINDOW);
        assert!(blame.check(file(9), now + WINDOW).is_ok(), "the minute before counts no more");
    }

    /// Check that the memory is bounded, and forgets what was longest ago.
    #[test]
    fn memory_is_bounded() {
        let (mut blame, now) = (Blame::default(), Instant::now());
        for number in 0..=MOST_FILES as u64 {
            blame.remember(file(number), now + Duration::from_millis(number));
        }
        assert_eq!(blame.files.len(), MOST_FILES);
        assert!(blame.check(file(0), now).is_ok());
        assert!(blame.check(file(1), now + Duration::from_secs(2)).is_err());
    }
}
