//! Damaged programs: an error or a result, never a panic, and soon.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Result;
use seccinch::golang::scan::{Library, Part, scan};

use crate::fixtures::Program;

/// No scan of a hostile file may take longer, on any machine.
const MOST: Duration = Duration::from_secs(5);

/// Numbers that look random and are the same in every run (Knuth, MMIX).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % end
    }
}

fn check(what: &str, program: &[u8], libraries: &[Library]) -> bool {
    let begun = Instant::now();
    let result = scan(program, libraries);
    let elapsed = begun.elapsed();
    assert!(elapsed < MOST, "{what}: {elapsed:?}");
    result.is_ok()
}

/// Check that cut and changed programs are scanned or refused in time.
#[test]
fn damaged_programs_are_survived() -> Result<()> {
    let mut random = Random(4);
    let (mut scanned, mut refused) = (0, 0);
    for variant in ["go1.19-cgo0-stripped", "go1.27-cgo0-stripped"] {
        let whole = fs::read(Program::Go { program: "metronome", variant }.path()?)?;
        assert!(check("whole", &whole, &[]), "{variant} is not scanned");
        let mut count = |what: &str, bytes: &[u8]| {
            if check(what, bytes, &[]) { scanned += 1 } else { refused += 1 }
        };
        for _ in 0..10 {
            let length = random.below(whole.len());
            count(&format!("{variant} cut to {length}"), &whole[..length]);
        }
        for round in 0..30 {
            let mut damaged = whole.clone();
            // The headers, the start of the file, or all of it; a few bits or a whole page.
            let end = [4096, 65536, damaged.len()][round % 3];
            for _ in 0..=random.below(200) {
                damaged[random.below(end)] ^= 1 << random.below(8);
            }
            if round % 5 == 0 {
                let start = random.below(damaged.len() - 4096);
                damaged[start..start + 4096].fill(random.below(256).try_into()?);
            }
            count(&format!("{variant}, round {round}"), &damaged);
        }
    }
    assert!(scanned > 0 && refused > 0, "{scanned} scanned, {refused} refused");
    Ok(())
}

/// Check that a damaged library is survived as well.
#[test]
fn damaged_libraries_are_survived() -> Result<()> {
    let program = fs::read(Program::Go { program: "probe", variant: "go1.27-cgo1-stripped" }.path()?)?;
    let loader = fs::read("/lib64/ld-linux-x86-64.so.2")?;
    let mut random = Random(5);
    let mut damaged = loader.clone();
    let library = |bytes| Library { name: "ld.so".to_owned(), part: Part::Loader, bytes: Some(bytes) };
    assert!(check("a whole library", &program, &[library(loader.clone())]));
    for round in 0..10 {
        for _ in 0..50 {
            let end = [4096, damaged.len()][round % 2];
            damaged[random.below(end)] ^= 1 << random.below(8);
        }
        assert!(
            check("a damaged library", &program, &[library(damaged.clone())]),
            "the program itself is whole"
        );
    }
    assert!(check("a cut library", &program, &[library(loader[..loader.len() / 2].to_vec())]));
    Ok(())
}
