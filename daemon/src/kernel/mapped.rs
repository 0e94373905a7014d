//! An eBPF array in our own memory: reading a counter is a load, not a system call.
//!
//! A page of it counts as the daemon's own memory from the moment it is mapped, used or not. So it is mapped a
//! window at a time, where somebody looks, and let go again.

use std::cell::OnceCell;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

use aya::Pod;
use aya::maps::MapData;

use super::error::Error;

/// Bytes of a window: a page of our architectures' usual size, and a whole row of counts.
const WINDOW: usize = 4096;

/// A `BPF_F_MMAPABLE` array of `T` that the kernel reads and writes at the same time.
pub(super) struct Mapped<T> {
    map: OwnedFd,
    windows: Box<[OnceCell<NonNull<u8>>]>,
    window: usize,
    length: usize,
    _type: PhantomData<T>,
}

// SAFETY: the mappings belong to this value alone, and every access is volatile or atomic.
unsafe impl<T: Pod + Send> Send for Mapped<T> {}

impl<T: Pod> Mapped<T> {
    /// Maps an array whose values are `per_value` times `T`. The first window is mapped at once, so that an
    /// array that can't be is known here.
    pub(super) fn new(
        map: &MapData,
        name: &'static str,
        values: usize,
        per_value: usize,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Mmap { map: name, source };
        let bytes = values * (size_of::<T>() * per_value).next_multiple_of(8);
        let window = WINDOW.max(page_size());
        let mapped = Self {
            map: map.fd().as_fd().try_clone_to_owned().map_err(failed)?,
            windows: vec![OnceCell::new(); bytes.div_ceil(window)].into_boxed_slice(),
            window,
            length: bytes / size_of::<T>(),
            _type: PhantomData,
        };
        mapped.open(0).map_err(failed).map(|_| mapped)
    }

    /// One element, counted through all values.
    pub(super) fn get(&self, index: usize) -> T {
        // SAFETY: `at` is inside the mapping and aligned; any bytes are a `T`.
        unsafe { self.at(index).read_volatile() }
    }

    /// Replaces one element.
    pub(super) fn set(&mut self, index: usize, value: T) {
        // SAFETY: as in `get`.
        unsafe { self.at(index).write_volatile(value) }
    }

    /// Lets go of the window that holds an element; it is mapped again when somebody looks.
    pub(super) fn release(&mut self, index: usize) {
        if let Some(base) = self.windows[index * size_of::<T>() / self.window].take() {
            close(base, self.window);
        }
    }

    /// Lets go of all windows if there are many: who looks here and there must not end up with all of them.
    pub(super) fn release_many(&mut self, most: usize) {
        if self.windows.iter().filter(|window| window.get().is_some()).count() > most {
            self.windows.iter_mut().filter_map(OnceCell::take).for_each(|base| close(base, self.window));
        }
    }

    #[expect(
        clippy::expect_used,
        reason = "counters that can't be read are no zeros; pinned, they outlive us"
    )]
    fn at(&self, index: usize) -> *mut T {
        assert!(index < self.length, "index {index} of {} elements", self.length);
        let byte = index * size_of::<T>();
        let base = self.open(byte / self.window).expect("a window of a map that was mapped before");
        // SAFETY: the rest is smaller than the window, and a multiple of the size of `T`, as the window's is.
        unsafe { base.as_ptr().add(byte % self.window).cast() }
    }

    fn open(&self, window: usize) -> io::Result<NonNull<u8>> {
        if let Some(base) = self.windows[window].get() {
            return Ok(*base);
        }
        let offset = libc::off_t::try_from(window * self.window).map_err(io::Error::other)?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh mapping; the kernel refuses more than the array has.
        let address = unsafe {
            libc::mmap(ptr::null_mut(), self.window, access, libc::MAP_SHARED, self.map.as_raw_fd(), offset)
        };
        match NonNull::new(address.cast()) {
            Some(base) if address != libc::MAP_FAILED => Ok(*self.windows[window].get_or_init(|| base)),
            _ => Err(io::Error::last_os_error()),
        }
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
        self.windows.iter_mut().filter_map(OnceCell::take).for_each(|base| close(base, self.window));
    }
}

fn close(base: NonNull<u8>, length: usize) {
    // SAFETY: a whole mapping that `open` made, taken out of the list of windows: nobody has it any more.
    unsafe { libc::munmap(base.as_ptr().cast(), length) };
}

fn page_size() -> usize {
    // SAFETY: no preconditions.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(WINDOW)
}
