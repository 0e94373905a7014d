//! Where the runtime keeps what tells the goroutine: what the kernel side is told, against what the compiler and the
//! linker have left in programs that are not stripped.

use std::borrow::Cow;
use std::collections::BTreeMap;

use addr2line::gimli::{self, AttributeValue, DwarfSections, EndianSlice, LittleEndian};
use anyhow::{Context as _, Result, ensure};
use object::{Object as _, ObjectSection as _};
use seccinch::golang::{self, GoLayout, goroutine_below};

use crate::fixtures::cache;
use crate::programs::Program;

const VERSIONS: [&str; 8] = ["1.19", "1.21", "1.22", "1.23", "1.24", "1.25", "1.26", "1.27"];
/// The structures that the table is about.
const STRUCTURES: [&str; 4] = ["runtime.g", "runtime.m", "runtime.gobuf", "runtime.stack"];
const WORD: u64 = 8;

type Slice<'data> = EndianSlice<'data, LittleEndian>;
/// The offset of each field, by `STRUCTURE.FIELD`.
type Fields = BTreeMap<String, u64>;

/// Check that the offsets of every version are those in the compiler's own type information, and that what is taken to
/// be the first field of its structure is.
#[test]
fn offsets_agree_with_dwarf() -> Result<()> {
    for version in VERSIONS {
        for build in ["cgo0", "cgo1"] {
            let program = read(version, build)?;
            let fields = fields(&program).with_context(|| program.name.clone())?;
            let of = |field: &str| {
                fields.get(field).copied().with_context(|| format!("{}: no {field}", program.name))
            };
            for first in ["runtime.g.stack", "runtime.stack.lo", "runtime.m.g0"] {
                assert_eq!(of(first)?, 0, "{}: {first}", program.name);
            }
            assert_eq!(of("runtime.stack.hi")?, WORD, "{}", program.name);
            let saved = of("runtime.g.sched")? + of("runtime.gobuf.bp")?;
            let offsets = [of("runtime.g.goid")?, of("runtime.g.m")?, of("runtime.m.curg")?, saved];
            let packed = offsets.iter().rev().fold(0, |packed, offset| (packed << 8) | (offset / WORD));
            println!("{}: {offsets:x?}", program.name);
            assert!(offsets.iter().all(|offset| offset % WORD == 0), "{}: {offsets:x?}", program.name);
            assert_eq!(layout(&program)?.packed() & u64::from(u32::MAX), packed, "{}", program.name);
        }
    }
    Ok(())
}

/// Check that where a thread keeps its goroutine is where the linker put `runtime.tlsg`, with other variables of C's
/// beside it; and that stripped programs tell the same as their twins.
#[test]
fn the_goroutine_is_where_the_linker_put_it() -> Result<()> {
    for version in VERSIONS {
        let mut found = Vec::new();
        for build in ["cgo1", "cgo1-static"] {
            let program = read(version, build)?;
            let image = program.image()?;
            let all = image.thread_local().context("no thread-local variables")?;
            let own = image.symbol(b"runtime.tlsg").context("no symbol")?;
            let below = all.size.next_multiple_of(all.alignment) - own;
            assert!(below > WORD, "{}: C has no variables", program.name);
            assert_eq!(goroutine_below(&image).map(u64::from), Some(below), "{}", program.name);
            found.push(below);
        }
        println!("go{version}: {found:?} bytes below the thread pointer");
        assert_ne!(found[0], found[1], "go{version}: libc has no variables of its own");
        for build in ["cgo1-stripped", "cgo1-pie-stripped"] {
            let program = read(version, build)?;
            assert_eq!(goroutine_below(&program.image()?).map(u64::from), Some(found[0]), "{}", program.name);
        }
    }
    Ok(())
}

/// Check that programs in which threads have no other variable are known without a look at their code, and that the
/// code says the same.
#[test]
fn programs_without_c_keep_it_in_one_place() -> Result<()> {
    for version in VERSIONS {
        for build in ["cgo0", "cgo0-stripped", "cgo0-pie-stripped"] {
            let program = read(version, build)?;
            assert_eq!(layout(&program)?.packed() >> 32, WORD, "{}", program.name);
            assert_eq!(goroutine_below(&program.image()?), Some(8), "{}", program.name);
        }
    }
    Ok(())
}

/// Check that where the runtime's code is not as it is known nothing is said: here each access to what belongs to the
/// thread has become one to something else.
#[test]
fn other_code_says_nothing() -> Result<()> {
    let program = read("1.27", "cgo1-stripped")?;
    let mut changed = program.bytes.clone();
    // `mov %fs:disp32, REGISTER` and the reverse: a prefix, REX, 8b or 89, two bytes of addressing.
    let is_access = |bytes: &[u8]| {
        bytes[0] == 0x64 && bytes[1] & 0xf8 == 0x48 && matches!(bytes[2], 0x8b | 0x89) && bytes[4] == 0x25
    };
    let places: Vec<usize> = (0..changed.len() - 9).filter(|&start| is_access(&changed[start..])).collect();
    ensure!(places.len() > 100, "only {} accesses", places.len());
    for place in places {
        // The prefix of another segment.
        changed[place] = 0x65;
    }
    let changed = Program { name: "changed".into(), bytes: changed };
    assert_eq!(goroutine_below(&changed.image()?), None);
    Ok(())
}

fn read(version: &str, build: &str) -> Result<Program> {
    Program::read(&cache().join("go-programs").join(format!("stacks-go{version}-{build}")))
}

fn layout(program: &Program) -> Result<GoLayout> {
    let build = golang::inspect(program.name.clone(), &*program.bytes)?;
    GoLayout::of(&build.go.context("no Go program")?).context("a version that is not known")
}

/// The fields of the structures in a program's DWARF.
fn fields(program: &Program) -> Result<Fields> {
    let file = object::File::parse(&*program.bytes)?;
    let section = |id: gimli::SectionId| -> Result<Cow<'_, [u8]>> {
        let section = file.section_by_name(id.name());
        Ok(section.map_or(Ok(Cow::default()), |section| section.uncompressed_data())?)
    };
    let sections = DwarfSections::load(section)?;
    let dwarf = sections.borrow(|section| EndianSlice::new(section, LittleEndian));
    let mut fields = Fields::new();
    let mut units = dwarf.units();
    while let Some(header) = units.next()? {
        add_unit(&dwarf, &dwarf.unit(header)?, &mut fields)?;
    }
    Ok(fields)
}

fn add_unit<'data>(
    dwarf: &gimli::Dwarf<Slice<'data>>,
    unit: &gimli::Unit<Slice<'data>>,
    fields: &mut Fields,
) -> Result<()> {
    let mut inside: Option<(isize, Cow<'_, str>)> = None;
    let mut entries = unit.entries();
    while let Some(entry) = entries.next_dfs()? {
        let name = |entry: &gimli::DebuggingInformationEntry<Slice<'data>>| -> Result<Cow<'data, str>> {
            let Some(name) = entry.attr_value(gimli::DW_AT_name) else { return Ok(Cow::default()) };
            Ok(dwarf.attr_string(unit, name)?.to_string_lossy())
        };
        inside = inside.filter(|(depth, _)| *depth < entry.depth());
        match (entry.tag(), &inside) {
            (gimli::DW_TAG_structure_type, _) => {
                let name = name(entry)?;
                inside = STRUCTURES.contains(&&*name).then_some((entry.depth(), name));
            }
            (gimli::DW_TAG_member, Some((_, structure))) => {
                let offset = entry.attr_value(gimli::DW_AT_data_member_location).context("no offset")?;
                let offset = match offset {
                    AttributeValue::Exprloc(steps) => constant(steps, unit)?,
                    plain => plain.udata_value().context("no number")?,
                };
                fields.insert(format!("{structure}.{}", name(entry)?), offset);
            }
            _ => {}
        }
    }
    Ok(())
}

/// An offset in the form of older versions: "add so much".
fn constant(steps: gimli::Expression<Slice<'_>>, unit: &gimli::Unit<Slice<'_>>) -> Result<u64> {
    match steps.operations(unit.encoding()).next()? {
        Some(gimli::Operation::PlusConstant { value }) => Ok(value),
        other => anyhow::bail!("another operation: {other:?}"),
    }
}
