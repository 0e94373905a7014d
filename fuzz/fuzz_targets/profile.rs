//! Profiles: ours, and those of container runtimes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seccinch_hostile::exercise::profile(bytes));
