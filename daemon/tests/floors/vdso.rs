//! The floor of vDSO fallbacks: programs that find no vDSO.

use std::collections::BTreeSet;

use seccinch::policy::floor::Floor;

use crate::{
    floor_program::{Libc, Release, breaks_without, works_on_floors},
    launch::Setting,
};

/// Which path makes which call. Go makes the first three itself, C code in the process the others.
const PATHS: [(&str, &str); 6] = [
    ("clock_gettime", "clock"),
    ("gettimeofday", "time"),
    ("getrandom", "random"),
    ("time", "libc-time"),
    ("getcpu", "libc-getcpu"),
    ("clock_getres", "libc-clock_getres"),
];

/// What libc calls when a program with it starts its first threads: not a floor's matter, but needed to get
/// to the path.
const LIBC_START: [&str; 10] = [
    "access",
    "brk",
    "clone3",
    "mprotect",
    "newfstatat",
    "pread64",
    "prlimit64",
    "rseq",
    "set_robust_list",
    "set_tid_address",
];

/// A test for each name on both releases.
macro_rules! names {
    ($($name:ident)+) => {
        $(
            #[doc = concat!("Check that a program without a vDSO breaks without `", stringify!($name), "`.")]
            #[test]
            fn $name() {
                let name = stringify!($name);
                let (_, path) = PATHS.iter().find(|(named, _)| *named == name).unwrap();
                for release in [Release::Oldest, Release::Newest] {
                    breaks_without(release, Floor::Vdso, name, &[path], Setting::WithoutVdso);
                }
            }
        )+
    };
}

names! { clock_gettime gettimeofday getrandom time getcpu clock_getres }

/// Check that every name of the floor has its path here.
#[test]
fn no_name_is_forgotten() {
    let tested: BTreeSet<_> = PATHS.iter().map(|(name, _)| *name).collect();
    let held = Release::Newest.names(Some(Floor::Vdso));
    assert!(held.is_subset(&tested), "not tested: {:?}", held.difference(&tested));
}

/// Check that the floors, and what libc needs to start, are enough for C code that reads clocks without a vDSO.
#[test]
fn floors_are_enough_for_c_code() {
    for release in [Release::Oldest, Release::Newest] {
        for (_, path) in PATHS.iter().filter(|(_, path)| path.starts_with("libc-")) {
            works_on_floors(release, Libc::With, &[path], &LIBC_START, Setting::WithoutVdso);
        }
    }
}
