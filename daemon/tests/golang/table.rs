//! The table of functions.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use seccinch::golang::pclntab::{Error, Frame, Table};
use seccinch::golang::{is_standard_library, package_of};

use crate::fixtures;
use crate::programs::{Program, twins};

const VERSIONS: [&str; 8] = ["1.19", "1.21.13", "1.22.10", "1.23.9", "1.24.11", "1.25.5", "1.26.6", "1.27.3"];

/// Check that a program with symbols has its functions where its symbols are, and that its stripped twin gives the
/// same ones.
#[test]
fn stripped_programs_give_the_same_functions() -> Result<()> {
    for (whole, stripped) in twins()?.iter().filter(|(_, stripped)| !stripped.name.contains("-pie-")) {
        let functions = functions(&whole.table()?);
        let image = whole.image()?;
        for name in ["main.main", "runtime.schedule", "runtime.gcBgMarkWorker"] {
            let symbol = image.symbol(name.as_bytes());
            let found = functions.iter().any(|function| function.0 == name && Some(function.1) == symbol);
            assert!(found, "{}: {name} is not at {symbol:x?}", whole.name);
        }
        assert!(functions.len() > 1000, "{}: {} functions", whole.name, functions.len());
        let other = crate::table::functions(&stripped.table()?);
        let differ = functions.iter().zip(&other).find(|(one, other)| one != other);
        assert_eq!(differ, None, "{}", stripped.name);
        assert_eq!(functions.len(), other.len(), "{}", stripped.name);
    }
    Ok(())
}

/// Check that a program without section headers gives the same answers: functions, inlined calls, and stack depths.
#[test]
fn section_headers_are_not_needed() -> Result<()> {
    for (_, stripped) in twins()? {
        let bare = stripped.without_sections();
        let (table, other) = (stripped.table()?, bare.table()?);
        assert!(bare.image()?.section(b".text").is_none(), "{}", bare.name);
        assert_eq!(functions(&table), functions(&other), "{}", bare.name);
        let mut inlined = 0;
        for function in table.functions() {
            let middle = u64::midpoint(function.entry, function.end);
            let frames = table.frames(middle);
            inlined += frames.len() - 1;
            assert_eq!(frames, other.frames(middle), "{} at {middle:x}", bare.name);
            assert_eq!(table.stack_delta(&function, middle), other.stack_delta(&function, middle));
        }
        assert!(inlined > 100, "{}: {inlined} inlined calls", bare.name);
    }
    Ok(())
}

/// Check that position-independent programs have the functions of those at fixed addresses, with the same files and
/// lines, though all words in them are relocated.
#[test]
fn position_independent_programs_are_read() -> Result<()> {
    let own = |program: &Program| -> Result<BTreeSet<(String, String, u32)>> {
        let table = program.table()?;
        let own = table.functions().filter(|function| function.name.starts_with("main."));
        Ok(own.flat_map(|function| table.frames(function.entry)).map(place).collect())
    };
    for (whole, stripped) in twins()?.iter().filter(|(_, stripped)| stripped.name.contains("-pie-")) {
        let expected = own(whole)?;
        assert!(expected.iter().any(|place| place.0.starts_with("main.generic[")), "{expected:?}");
        assert_eq!(own(stripped)?, expected, "{}", stripped.name);
    }
    Ok(())
}

/// Check that Debian's programs are read with and without their section headers: foreign linkers, other flags.
#[test]
fn services_are_read() -> Result<()> {
    for (package, path) in [
        ("caddy", "usr/bin/caddy"),
        ("containerd", "usr/bin/containerd"),
        ("etcd-server", "usr/bin/etcd"),
        ("nats-server", "usr/sbin/nats-server"),
        ("prometheus", "usr/bin/prometheus"),
        ("prometheus-node-exporter", "usr/bin/prometheus-node-exporter"),
        ("rclone", "usr/bin/rclone"),
        ("runc", "usr/sbin/runc"),
    ] {
        let program = Program::read(&fixtures::Program::Debian { package, path }.path()?)?;
        let table = program.table()?;
        assert_eq!(functions(&table), functions(&program.without_sections().table()?), "{package}");
        let main = table.functions().find(|function| function.name == "main.main").context("no main")?;
        let frames = table.frames(main.entry);
        assert_eq!(frames.len(), 1, "{package}: {frames:?}");
        assert!(frames[0].file.contains(".go") && frames[0].line > 0, "{package}: {frames:?}");
        let unknown = table.functions().filter(|function| function.name == "?").count();
        assert_eq!(unknown, 0, "{package}: functions without a name");
    }
    Ok(())
}

/// Check that what is no Go program is told so.
#[test]
fn other_programs_have_no_table() -> Result<()> {
    let own = Program::read("/proc/self/exe".as_ref())?;
    assert_eq!(Table::find(&own.image()?).err(), Some(Error::Missing));
    Ok(())
}

/// Check that the packages of a program's functions are those of the toolchain's library, or the program's own.
#[test]
fn packages_are_those_of_the_library() -> Result<()> {
    let library = fixtures::cache().join("go/1.27.3/go/src");
    let (program, _) =
        twins()?.into_iter().find(|(whole, _)| whole.name == "websvc-go1.27-cgo0").context("none")?;
    let table = program.table()?;
    let packages: BTreeSet<_> = table.functions().map(|f| package_of(f.name).into_owned()).collect();
    assert!(packages.len() > 100, "{packages:?}");
    for package in packages.iter().filter(|package| !package.is_empty() && *package != "main") {
        assert!(library.join(package).is_dir(), "{package} is no package");
        assert!(is_standard_library(package), "{package}");
    }
    Ok(())
}

/// Check that every top folder of every toolchain's library is known, and that no other name is taken for one.
#[test]
fn the_standard_library_is_known() -> Result<()> {
    for version in VERSIONS {
        let source = fixtures::cache().join("go").join(version).join("go/src");
        for folder in source.read_dir().with_context(|| format!("can't list {}", source.display()))? {
            let folder = folder?;
            let name = folder.file_name().to_string_lossy().into_owned();
            let expected = !matches!(name.as_str(), "cmd" | "testdata");
            assert!(
                !folder.path().is_dir() || is_standard_library(&name) == expected,
                "{name} of Go {version}"
            );
        }
    }
    Ok(())
}

fn place(frame: Frame<'_>) -> (String, String, u32) {
    (frame.function.into(), frame.file.into(), frame.line)
}

fn functions(table: &Table<'_>) -> Vec<(String, u64, u64)> {
    table.functions().map(|function| (function.name.to_owned(), function.entry, function.end)).collect()
}
