//! Programs that are far larger than the memory for their scan.

use std::fs::{self, OpenOptions};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::command::scan;
use crate::fixtures::Program;

/// `PT_GNU_STACK` and `PT_LOAD`, and the size of `Elf64_Phdr`.
const STACK: [u8; 4] = 0x6474_e551_u32.to_le_bytes();
const LOAD: [u8; 4] = 1_u32.to_le_bytes();
const HEADER_BYTES: usize = 56;
const PAGE: u64 = 4096;

/// The data that is put into a program, and where in memory.
const DATA_BYTES: u64 = 400 << 20;
const DATA: u64 = 1 << 32;
/// What a process may have of its own, in KiB: files that are mapped do not count (`RLIMIT_DATA`, getrlimit(2)).
const MOST_KIBIBYTES: u64 = 128 << 10;

/// Check that a program with 400 MiB of data is scanned within 128 MiB, and that nothing else is found in it.
#[test]
fn large_programs_are_scanned_in_little_memory() -> Result<()> {
    let path = Program::Go { program: "numbers", variant: "go1.27-cgo0" }.path()?;
    let folder = tempfile::tempdir()?;
    let large = folder.path().join("program");
    let mut bytes = fs::read(&path)?;
    let place = (bytes.len() as u64).next_multiple_of(PAGE);
    let count = usize::from(bytes[56]);
    let mut headers = bytes[64..64 + count * HEADER_BYTES].chunks_exact_mut(HEADER_BYTES);
    let header = headers.find(|header| header.starts_with(&STACK)).context("it says what its stack is")?;
    // Read-only: offset, two addresses, and two sizes follow.
    header[..8].copy_from_slice(&[LOAD, 4_u32.to_le_bytes()].concat());
    for (number, field) in [place, DATA, DATA, DATA_BYTES, DATA_BYTES].into_iter().enumerate() {
        header[8 + 8 * number..16 + 8 * number].copy_from_slice(&field.to_le_bytes());
    }
    fs::write(&large, bytes)?;
    // The data is a hole.
    OpenOptions::new().write(true).open(&large)?.set_len(place + DATA_BYTES)?;

    let limited = format!("ulimit -d {MOST_KIBIBYTES} && exec \"$0\" scan \"$1\" --format json");
    let output =
        Command::new("sh").args(["-c", &limited, env!("CARGO_BIN_EXE_seccinch")]).arg(&large).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(found, scan(&path, &[])?);
    Ok(())
}
