//! Observations and baselines.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seccinch_hostile::exercise::observations(bytes));
