//! Files that were made, or are changed, to break who reads them.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use seccinch::inspect::{Error, Inspector};
use tempfile::TempDir;

use crate::support::{PROGRAM, confined, describe};

/// Enough of a program for its headers, its segments' beginnings and its notes.
const HEAD: usize = 64 << 10;

/// A file that is written over.
struct Victim {
    file: File,
    path: PathBuf,
    _folder: TempDir,
}

impl Victim {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("victim");
        let file = File::options().create_new(true).read(true).write(true).open(&path).unwrap();
        Self { file, path, _folder: folder }
    }

    fn hold(&mut self, bytes: &[u8]) {
        self.file.set_len(0).unwrap();
        self.file.seek(SeekFrom::Start(0)).unwrap();
        self.file.write_all(bytes).unwrap();
    }
}

/// Check that for damaged files a worker says the same as who reads them in the process itself, and lives.
#[test]
fn damaged_files_end_no_worker() {
    let (inspector, local, mut victim) = (confined(), Inspector::local(), Victim::new());
    let whole = fs::read(PROGRAM).unwrap();
    let mut said = |bytes: &[u8], what: String| {
        victim.hold(bytes);
        let [theirs, ours] = [&inspector, &local].map(|one| describe(one, &victim.path));
        match (theirs, ours) {
            (Ok(theirs), Ok(ours)) => assert_eq!(theirs, ours, "{what}"),
            (Err(Error::Damaged(theirs)), Err(Error::Damaged(ours))) => assert_eq!(theirs, ours, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    };
    for length in [0, 1, 4, 5, 63, 64, 65, 120, 1000, 4096, HEAD] {
        said(&whole[..length], format!("cut after {length}"));
    }
    let mut head = whole[..HEAD].to_vec();
    // The header and all program headers; every bit position of their bytes comes up.
    for bit in (0..1024 * 8).step_by(3) {
        head[bit / 8] ^= 1 << (bit % 8);
        said(&head, format!("bit {bit} turned"));
        head[bit / 8] ^= 1 << (bit % 8);
    }
    assert_eq!(inspector.deaths(), 0);
    assert!(describe(&inspector, PROGRAM).unwrap().linkage.is_some());
}

/// Check that a file that shrinks and grows while it is read is an error at worst, and the next one is read.
#[test]
fn files_that_change_meanwhile_end_no_worker() {
    let (inspector, mut victim, over) = (confined(), Victim::new(), AtomicBool::new(false));
    let whole = fs::read(PROGRAM).unwrap();
    victim.hold(&whole);
    let (path, changing, over) = (victim.path.clone(), &victim.file, &over);
    thread::scope(|scope| {
        scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                changing.set_len(64).unwrap();
                changing.write_all_at(&whole[..HEAD], 0).unwrap();
                changing.set_len(whole.len() as u64).unwrap();
            }
        });
        let errors: Vec<_> = (0..2000).filter_map(|_| describe(&inspector, &path).err()).collect();
        over.store(true, Ordering::Relaxed);
        let other = errors.iter().find(|error| !matches!(error, Error::Damaged(_)));
        assert!(other.is_none(), "{other:?}");
        assert!(!errors.is_empty(), "it was never seen to change");
    });
    assert_eq!(inspector.deaths(), 0);
    assert!(describe(&inspector, PROGRAM).unwrap().linkage.is_some());
}
