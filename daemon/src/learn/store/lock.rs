//! One daemon for one state folder.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::process;

use super::StoreError;
use crate::files::Held;

/// The file that is locked. It stays: removing it would let two daemons lock two files of one name.
const NAME: &str = "lock";

/// A lock that the kernel gives back when this process ends, however it does (`flock(2)`).
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "it is held, and nothing else")] Held);

impl Lock {
    /// Locks a state folder, or says who has it.
    pub(super) fn take(root: &Path) -> Result<Self, StoreError> {
        let path = root.join(NAME);
        let fail = |source| StoreError::Lock { path: path.clone(), source };
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse { root: root.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(fail(source)),
        }
        sign(&mut file).map_err(fail)?;
        Ok(Self(Held::new(file)))
    }
}

/// Locks a state folder for as long as this lives, and changes nothing there: it need not be writable, nor be there.
#[derive(Debug)]
pub struct Claim(Option<Held>);

impl Claim {
    /// Fails only where a daemon has the folder.
    pub fn take(root: &Path) -> Result<Self, StoreError> {
        let Ok(mut file) = File::open(root.join(NAME)) else { return Ok(Self(None)) };
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(StoreError::InUse { root: root.to_owned(), holder: holder(&mut file) });
        }
        Ok(Self(Some(Held::new(file))))
    }

    /// Whether no daemon can begin meanwhile.
    pub const fn is_held(&self) -> bool {
        self.0.is_some()
    }
}

/// What the holder wrote into it, if it got that far.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", process::id())
}
