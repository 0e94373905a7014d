//! A hash map of the kernel's, read in few system calls.
//!
//! aya reads a map entry by entry, in two calls each; a daemon that looks every few seconds wants it by the
//! thousand.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use aya::Pod;
use aya::maps::{HashMap, Map, MapData, MapError};

use super::error::Error;

/// `BPF_MAP_LOOKUP_BATCH`: include/uapi/linux/bpf.h, Linux 6.12. For hash maps since 5.6.
const LOOKUP_BATCH: libc::c_long = 24;
/// Entries asked for at once, if no bucket has more.
const BATCH: u32 = 1024;

/// The `batch` part of `union bpf_attr`, as above.
#[repr(C)]
struct Batch {
    from: u64,
    next: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: i32,
    elem_flags: u64,
    flags: u64,
}

/// A hash map of `K` to `V`.
pub(super) struct Table<K: Pod, V: Pod> {
    name: &'static str,
    map: HashMap<MapData, K, V>,
    fd: OwnedFd,
}

impl<K: Pod + Default, V: Pod + Default> Table<K, V> {
    /// Takes over a map of that name.
    pub(super) fn new(name: &'static str, map: Map) -> Result<Self, Error> {
        let (Map::HashMap(data) | Map::LruHashMap(data)) = &map else {
            return Err(Error::Missing { what: "hash map", name: name.into() });
        };
        let fd = data.fd().as_fd().try_clone_to_owned();
        let fd = fd.map_err(|source| Error::map(name)(MapError::IoError(source)))?;
        Ok(Self { name, map: map.try_into().map_err(Error::map(name))?, fd })
    }

    /// Every entry; those that come or go meanwhile may be in it or not.
    pub(super) fn entries(&self) -> Result<Vec<(K, V)>, Error> {
        match self.by_batches() {
            Ok(entries) => Ok(entries),
            Err(error) => {
                tracing::debug!(map = self.name, %error, "no batches here, reading entry by entry");
                self.map.iter().map(|entry| entry.map_err(Error::map(self.name))).collect()
            }
        }
    }

    /// Sets the value of a key.
    pub(super) fn insert(&mut self, key: K, value: V) -> Result<(), Error> {
        self.map.insert(key, value, 0).map_err(Error::map(self.name))
    }

    /// Removes an entry if it is there.
    pub(super) fn remove(&mut self, key: &K) -> Result<(), Error> {
        match self.map.remove(key) {
            Err(error) if !is_missing(&error) => Err(Error::map(self.name)(error)),
            _ => Ok(()),
        }
    }

    fn by_batches(&self) -> io::Result<Vec<(K, V)>> {
        let (mut entries, mut position, mut size) = (Vec::new(), None, BATCH);
        loop {
            let (mut keys, mut values) =
                (vec![K::default(); size as usize], vec![V::default(); size as usize]);
            let mut next = 0_u32;
            match self.batch(position.as_ref(), &mut next, &mut keys, &mut values) {
                Ok((count, is_last)) => {
                    entries.extend(keys.into_iter().zip(values).take(count));
                    if is_last {
                        return Ok(entries);
                    }
                    position = Some(next);
                }
                // One bucket has more entries than were asked for.
                Err(error) if error.raw_os_error() == Some(libc::ENOSPC) => size *= 2,
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads entries from a position on; says how many they were, and whether they are the last ones.
    fn batch(
        &self,
        from: Option<&u32>,
        next: &mut u32,
        keys: &mut [K],
        values: &mut [V],
    ) -> io::Result<(usize, bool)> {
        let mut batch = Batch {
            from: from.map_or(0, |from| std::ptr::from_ref(from) as u64),
            next: std::ptr::from_mut(next) as u64,
            keys: keys.as_mut_ptr() as u64,
            values: values.as_mut_ptr() as u64,
            count: u32::try_from(keys.len().min(values.len())).unwrap_or(u32::MAX),
            map_fd: self.fd.as_raw_fd(),
            elem_flags: 0,
            flags: 0,
        };
        // SAFETY: the kernel writes at most `count` keys and values, whose sizes aya has checked against the
        // map's, and four bytes of position; all of them outlive the call, and any bytes are a `Pod`.
        let done = unsafe { libc::syscall(libc::SYS_bpf, LOOKUP_BATCH, &raw mut batch, size_of::<Batch>()) };
        let count = batch.count as usize;
        if done == 0 {
            return Ok((count, false));
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() == Some(libc::ENOENT) { Ok((count, true)) } else { Err(error) }
    }
}

fn is_missing(error: &MapError) -> bool {
    match error {
        MapError::KeyNotFound | MapError::ElementNotFound => true,
        MapError::SyscallError(error) => error.io_error.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}
