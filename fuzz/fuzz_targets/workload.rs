//! Processes by their control groups and paths.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seccinch_hostile::exercise::workload(bytes));
