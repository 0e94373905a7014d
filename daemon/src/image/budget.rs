//! How much an image may hold: a few kilobytes can unpack to terabytes.

use std::io::{self, Read};

use super::Error;

/// What an image may hold at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all layers, unpacked.
    pub bytes: u64,
    /// Entries of all layers.
    pub entries: u64,
    /// Bytes of the names of all entries, and of what links point to.
    pub names: u64,
    /// Bytes of a file that is taken out.
    pub file: u64,
    /// Bytes of all files that are taken out at once.
    pub files: u64,
}

impl Default for Limits {
    /// Several times what real images of Go programs hold: those with a whole distribution have some 2 GiB and
    /// 100,000 files.
    fn default() -> Self {
        Self { bytes: 8 << 30, entries: 1_000_000, names: 128 << 20, file: 192 << 20, files: 512 << 20 }
    }
}

/// What is left of the limits.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    bytes: u64,
    entries: u64,
    names: u64,
}

impl Budget {
    pub(super) const fn new(limits: Limits) -> Self {
        Self { limits, bytes: limits.bytes, entries: limits.entries, names: limits.names }
    }

    /// One more entry, with so many bytes of names.
    pub(super) fn take_entry(&mut self, names: usize) -> Result<(), Error> {
        let entries = self.entries.checked_sub(1);
        self.entries = entries.ok_or_else(|| Error::TooMuch(format!("{} files", self.limits.entries)))?;
        let names = self.names.checked_sub(names as u64);
        self.names =
            names.ok_or_else(|| Error::TooMuch(format!("{} MiB of names", self.limits.names >> 20)))?;
        Ok(())
    }

    pub(super) const fn bytes_left(&self) -> u64 {
        self.bytes
    }

    pub(super) fn take_bytes(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    pub(super) fn too_many_bytes(&self) -> Error {
        Error::TooMuch(format!("{} MiB", self.limits.bytes >> 20))
    }
}

/// Reads no more than so many bytes, and remembers whether there were more.
#[derive(Debug)]
pub(super) struct Bounded<R> {
    inner: R,
    left: u64,
    is_exceeded: bool,
}

impl<R: Read> Bounded<R> {
    pub(super) const fn new(inner: R, most: u64) -> Self {
        Self { inner, left: most, is_exceeded: false }
    }

    pub(super) fn into_inner(self) -> R {
        self.inner
    }

    pub(super) const fn left(&self) -> u64 {
        self.left
    }

    pub(super) const fn is_exceeded(&self) -> bool {
        self.is_exceeded
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let Some(left) = self.left.checked_sub(count as u64) else {
            self.is_exceeded = true;
            return Err(io::Error::other("too many bytes"));
        };
        self.left = left;
        Ok(count)
    }
}
