//! Every input that was ever too much, and every seed.
#![expect(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use seccinch::golang::image::Image;
use seccinch::golang::pclntab::Table;
use seccinch::golang::scan::scan;
use seccinch_hostile::seeds::{self, Seed};
use seccinch_hostile::{TARGETS, Target, mutate, target};

/// What is promised of any file, sixfold: without optimisation, and on a machine with other work.
const MOST: Duration = Duration::from_secs(30);

fn clone() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn programs() -> PathBuf {
    env::var_os("SECCINCH_CACHE").map_or_else(|| clone().join(".cache"), PathBuf::from).join("go-programs")
}

/// Made once: it takes a compiler.
fn all_seeds() -> &'static [Seed] {
    static SEEDS: OnceLock<Vec<Seed>> = OnceLock::new();
    SEEDS.get_or_init(|| seeds::all(&programs()).expect("seeds"))
}

fn check(target: Target, bytes: &[u8], what: &str) {
    let begun = Instant::now();
    (target.exercise)(bytes);
    assert!(begun.elapsed() < MOST, "{}: {what} takes {:?}", target.name, begun.elapsed());
}

/// Check that what once panicked, or took too long, does so no more.
#[test]
fn what_was_too_much_is_survived() {
    let mut count = 0;
    for folder in fs::read_dir(clone().join("fuzz/regressions")).expect("a folder") {
        let folder = folder.expect("a folder").path();
        let name = folder.file_name().and_then(|name| name.to_str()).expect("a name");
        let target = target(name).unwrap_or_else(|| panic!("`{name}` is no target"));
        for file in fs::read_dir(&folder).expect("a folder") {
            let file = file.expect("a file").path();
            check(target, &fs::read(&file).expect("an input"), &file.display().to_string());
            count += 1;
        }
    }
    assert!(count > 0, "there is no input");
}

/// Check that each target has a seed, that seeds are survived, and that the programs among them are what they are made
/// of: they have the functions of the large ones, and calls are found in them.
#[test]
fn seeds_lead_far() {
    let seeds = all_seeds();
    for target in TARGETS {
        let own: Vec<_> = seeds.iter().filter(|seed| seed.0 == target.name).collect();
        assert!(!own.is_empty(), "{} has no seed", target.name);
        for (_, name, bytes) in own {
            check(target, bytes, name);
        }
    }
    for (_, name, bytes) in seeds.iter().filter(|(target, name, _)| *target == "scan" && name != "library") {
        let image = Image::parse(bytes).expect(name);
        let table = Table::find(&image).expect(name);
        let kernel = table.functions().find(|one| one.name.ends_with("Syscall6")).expect(name);
        let frames = table.frames(kernel.entry);
        assert!(frames[0].line > 0 && frames[0].file.contains("syscall"), "{name}: {frames:?}");
        let found = scan(bytes, &[]).expect(name);
        // Up to Go 1.22 the callers of that function lie elsewhere.
        let has_callers = name.contains("-12-") && !name.contains("go1.19");
        assert!(found.syscalls.len() > 4 || !has_callers, "{name}: {:?}", found.syscalls.keys());
    }
}

/// Check that the aimed mutator changes files within their bounds, and leaves others to libFuzzer.
#[test]
fn mutations_stay_inside() {
    let seeds = all_seeds();
    let (_, _, seed) = seeds.iter().find(|(target, ..)| *target == "pclntab").expect("a seed");
    let mut changed = 0;
    for number in 0..5000 {
        let mut bytes = seed.clone();
        let size = mutate::elf(&mut bytes, seed.len(), number, |bytes| bytes.len());
        assert!(size <= seed.len() && size >= 64, "{size} bytes by {number}");
        changed += usize::from(bytes[..size] != seed[..]);
    }
    assert!(changed > 2500, "only {changed} of 5000 changed anything");
    assert_eq!(mutate::elf(&mut [0; 200], 200, 1, |_| 7), 7, "no ELF file is libFuzzer's own");
}
