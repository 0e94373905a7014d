//! An eBPF array in our own memory: reading a counter is a load, not a system call.

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

use aya::Pod;
use aya::maps::MapData;

use super::error::Error;

/// A `BPF_F_MMAPABLE` array of `T` that the kernel reads and writes at the same time.
pub(super) struct Mapped<T> {
    base: NonNull<T>,
    length: usize,
    bytes: usize,
    _type: PhantomData<T>,
}

// SAFETY: the mapping belongs to this value alone, and every access is volatile or atomic.
unsafe impl<T: Pod + Send> Send for Mapped<T> {}

impl<T: Pod> Mapped<T> {
    /// Maps an array whose values are `per_value` times `T`.
    pub(super) fn new(
        map: &MapData,
        name: &'static str,
        values: usize,
        per_value: usize,
    ) -> Result<Self, Error> {
        let stride = (size_of::<T>() * per_value).next_multiple_of(8);
        let bytes = values * stride;
        // SAFETY: a fresh mapping of `bytes` bytes; the kernel refuses more than the array has.
        let address = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                map.fd().as_fd().as_raw_fd(),
                0,
            )
        };
        match NonNull::new(address.cast()) {
            Some(base) if address != libc::MAP_FAILED => {
                Ok(Self { base, length: bytes / size_of::<T>(), bytes, _type: PhantomData })
            }
            _ => Err(Error::Mmap { map: name, source: io::Error::last_os_error() }),
        }
    }

    /// One element, counted through all values.
    pub(super) fn get(&self, index: usize) -> T {
        // SAFETY: `at` stays inside the mapping; any bytes are a `T`.
        unsafe { self.at(index).read_volatile() }
    }

    /// Replaces one element.
    pub(super) fn set(&mut self, index: usize, value: T) {
        // SAFETY: as in `get`.
        unsafe { self.at(index).write_volatile(value) }
    }

    fn at(&self, index: usize) -> *mut T {
        assert!(index < self.length, "index {index} of {} elements", self.length);
        // SAFETY: checked just above.
        unsafe { self.base.as_ptr().add(index) }
    }
}

impl Mapped<u64> {
    /// Adds to one element that the kernel adds to at the same time.
    pub(super) fn add(&mut self, index: usize, more: u64) {
        // SAFETY: inside the mapping and aligned as a map value is; everybody else's access is atomic too.
        unsafe { AtomicU64::from_ptr(self.at(index)) }.fetch_add(more, Ordering::Relaxed);
    }
}

impl<T> Drop for Mapped<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping that `new` made, and nothing borrows from it.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}
