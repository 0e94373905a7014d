//! What clients send to the HTTP listener.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seccinch_hostile::exercise::http(bytes));
