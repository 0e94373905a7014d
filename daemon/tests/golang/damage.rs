//! Files that someone has tampered with: an answer or an error, but no panic, and soon.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use seccinch::golang::image::Image;
use seccinch::golang::pclntab::Table;

use crate::fixtures::cache;
use crate::programs::Program;
use crate::random::Random;

/// Of each layout, by each linker.
const PROGRAMS: [&str; 4] = [
    "stacks-go1.19-cgo1-pie-stripped",
    "stacks-go1.25-cgo0-pie-stripped",
    "stacks-go1.26-cgo1-pie-stripped",
    "stacks-go1.27-cgo0-pie-stripped",
];
const MUTATIONS: usize = 500;
/// Far more than needed: tests are built without optimisation, on machines with other work.
const LONGEST: Duration = Duration::from_secs(5);

/// Check that flipped bits and overwritten words, most of them in headers and tables, are survived.
#[test]
fn flipped_bits_do_not_panic() -> Result<()> {
    let mut random = Random(4);
    for name in PROGRAMS {
        let program = read(name)?;
        let places = places(&program)?;
        let mut bytes = program.bytes.clone();
        for _ in 0..MUTATIONS {
            let count = 1 + random.number() % 8;
            let changed: Vec<usize> = (0..count).map(|_| change(&mut bytes, &places, &mut random)).collect();
            exercise(&bytes, name);
            for start in changed {
                bytes[start..start + 8].copy_from_slice(&program.bytes[start..start + 8]);
            }
        }
    }
    Ok(())
}

/// Check that files that end early are survived.
#[test]
fn truncated_files_do_not_panic() -> Result<()> {
    let mut random = Random(5);
    for name in PROGRAMS {
        let program = read(name)?;
        let whole = program.bytes.len() as u64;
        for round in 0..MUTATIONS as u64 {
            let length = if round < 200 { round * 8 } else { random.number() % whole };
            exercise(&program.bytes[..usize::try_from(length)?], name);
        }
    }
    Ok(())
}

fn read(name: &str) -> Result<Program> {
    Program::read(&cache().join("go-programs").join(name))
}

/// The file's headers, the table's header, what is in the table, and what leads to it, as places in the file.
fn places(program: &Program) -> Result<Vec<Range<usize>>> {
    let image = program.image()?;
    let is_table =
        |word: &[u8]| word[1..] == [0xff, 0xff, 0xff, 0, 0, 1, 8] && matches!(word[0], 0xf0 | 0xf1);
    let table = program.bytes.chunks_exact(8).position(is_table).context("no table")? * 8;
    let module = [&b".go.module"[..], b".dynamic"].into_iter().find_map(|name| {
        let start = image.bytes_at(image.section(name)?.start)?.as_ptr().addr();
        Some(start - program.bytes.as_ptr().addr())
    });
    let module = module.context("neither a module nor dynamic entries")?;
    Ok(vec![0..1024, table..table + 96, module..module + 360, table..table + 300_000, 0..program.bytes.len()])
}

/// Spoils a word at one of these places, and tells where.
fn change(bytes: &mut [u8], places: &[Range<usize>], random: &mut Random) -> usize {
    let mut below = |limit: usize| usize::try_from(random.number()).unwrap_or_default() % limit;
    let place = &places[below(places.len())];
    let start = (place.start + below(place.len())).min(bytes.len() - 8);
    match below(4) {
        0 => bytes[start] ^= 1 << below(8),
        1 => bytes[start..start + 8].fill(0xff),
        2 => bytes[start..start + 4].fill(0),
        _ => bytes[start] = below(256).to_le_bytes()[0],
    }
    start
}

/// Asks all there is to ask.
fn exercise(bytes: &[u8], name: &str) {
    let started = Instant::now();
    if let Ok(image) = Image::parse(bytes) {
        let _ = (image.entry(), image.linkage(), image.thread_local(), image.symbol(b"main.main"));
        let _ = image.relocated_words().take(500).filter(|&(place, _)| image.word(place).is_some()).count();
        if let Ok(table) = Table::find(&image) {
            for function in table.functions().step_by(29) {
                for pc in [
                    function.entry,
                    function.end.wrapping_sub(1),
                    u64::midpoint(function.entry, function.end),
                ] {
                    let _ = (table.frames(pc), table.stack_delta(&function, pc));
                }
            }
        }
    }
    assert!(started.elapsed() < LONGEST, "{name}: {:?}", started.elapsed());
}
