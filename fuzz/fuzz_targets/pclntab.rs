//! Everything that is asked of an ELF file by `exercise::elf::pclntab`.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use seccinch_hostile::{exercise, mutate};

fuzz_target!(|bytes: &[u8]| exercise::pclntab(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::elf(data, size, seed, |data| fuzzer_mutate(data, size, max_size))
});
