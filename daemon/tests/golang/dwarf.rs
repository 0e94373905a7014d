//! Agreement with DWARF, which another part of the compiler writes, and other people's code reads.

use std::borrow::Cow;
use std::collections::BTreeMap;

use addr2line::Loader;
use addr2line::fallible_iterator::FallibleIterator as _;
use anyhow::{Context as _, Result};
use seccinch::golang::name_for_print;
use seccinch::golang::pclntab::Table;

use crate::fixtures::cache;
use crate::programs::Program;
use crate::random::Random;
use crate::sites::call_sites;

/// Function, file and line.
type Place = (String, String, u32);

const SITES: usize = 3000;
const LEAST_EQUAL: f64 = 0.985;

/// Check that for random call sites the functions, their files and lines, and what was inlined are those that DWARF
/// has: programs of every version of Go, linked by Go and, with C in them, by GNU ld.
#[test]
fn frames_agree_with_dwarf() -> Result<()> {
    for version in ["1.19", "1.21", "1.22", "1.23", "1.24", "1.25", "1.26", "1.27"] {
        for cgo in ["cgo0", "cgo1"] {
            agree(&format!("stacks-go{version}-{cgo}"))?;
        }
    }
    Ok(())
}

/// Check the same on programs with more packages in them.
#[test]
fn frames_of_services_agree_with_dwarf() -> Result<()> {
    ["websvc-go1.19-cgo0", "websvc-go1.27-cgo0"].into_iter().try_for_each(agree)
}

fn agree(name: &str) -> Result<()> {
    let program = Program::read(&cache().join("go-programs").join(name))?;
    let (image, table) = (program.image()?, program.table()?);
    let all = call_sites(&image, &table);
    assert!(all.len() > SITES, "{name}: {} call sites", all.len());
    let loader = Loader::new(cache().join("go-programs").join(name)).ok().context("no DWARF")?;
    let mut random = Random(all.len() as u64);
    let mut differ = BTreeMap::new();
    let mut inlined = 0;
    for _ in 0..SITES {
        let site = all[usize::try_from(random.number() % all.len() as u64)?];
        let (ours, theirs) = (ours(&table, site), theirs(&loader, site));
        inlined += usize::from(ours.len() > 1);
        if ours != theirs && ours != printed(&theirs) {
            differ.insert(site, (ours, theirs));
        }
    }
    for (site, (ours, theirs)) in differ.iter().take(10) {
        println!("{name} {site:x}:\n  {ours:?}\n  {theirs:?}");
    }
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let equal = 1.0 - differ.len() as f64 / SITES as f64;
    println!(
        "{name}: {:.2} % of {SITES} call sites are equal, {inlined} of them with inlined calls",
        equal * 100.0
    );
    assert!(inlined > SITES / 20, "{name}: only {inlined} with inlined calls");
    assert!(equal >= LEAST_EQUAL, "{name}: only {equal}");
    Ok(())
}

fn ours(table: &Table<'_>, pc: u64) -> Vec<Place> {
    let frames = table.frames(pc);
    let (inlined, whole) = frames.split_at(frames.len() - 1);
    assert!(inlined.iter().all(|frame| frame.is_inlined) && !whole[0].is_inlined, "{frames:?}");
    frames.iter().map(|frame| (frame.function.into(), frame.file.into(), frame.line)).collect()
}

fn theirs(loader: &Loader, pc: u64) -> Vec<Place> {
    let Ok(frames) = loader.find_frames(pc) else { return Vec::new() };
    let places = frames.map(|frame| {
        let function = frame.function.and_then(|name| name.raw_name().ok().map(Cow::into_owned));
        let location = frame.location;
        let file = location.as_ref().and_then(|location| location.file).unwrap_or_default();
        // `-trimpath` leaves a folder of that name.
        let file = file.strip_prefix("./").unwrap_or(file).to_owned();
        let line = location.and_then(|location| location.line).unwrap_or_default();
        Ok((function.unwrap_or_default(), file, line))
    });
    places.collect().unwrap_or_default()
}

/// The table of Go 1.19 has `[...]` in place of type arguments.
fn printed(places: &[Place]) -> Vec<Place> {
    places.iter().map(|(name, file, line)| (name_for_print(name).into(), file.clone(), *line)).collect()
}
