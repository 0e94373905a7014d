//! Rules as the configuration has them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seccinch_hostile::exercise::rules(bytes));
