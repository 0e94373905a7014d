//! Libraries of programs in a root of their own, found as the dynamic linker there would find them.

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use seccinch::golang::image::Image;
use seccinch::golang::needs;

use crate::command::scan;
use crate::fixtures::Program;

const PROGRAM: Program = Program::Go { program: "probe", variant: "go1.27-cgo1-stripped" };
/// Where the libraries of this host lie, for those that tests put elsewhere.
const HOST: [&str; 3] = ["/lib/x86_64-linux-gnu", "/lib64", "/usr/lib"];

/// A root with the program, its interpreter, and its libraries in a folder that no linker knows by itself.
fn root(program: &[u8]) -> Result<tempfile::TempDir> {
    let root = tempfile::tempdir()?;
    let linkage = needs(program)?.linkage;
    let interpreter = linkage.interpreter.context("it has an interpreter")?;
    for folder in ["bin", "own", "etc/ld.so.conf.d", "lib64"] {
        fs::create_dir_all(root.path().join(folder))?;
    }
    fs::write(root.path().join("bin/program"), program)?;
    fs::copy(&interpreter, root.path().join(interpreter.trim_start_matches('/')))?;
    for name in &linkage.needed {
        let found = HOST.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
        fs::copy(found.context("the host has it")?, root.path().join("own").join(name))?;
    }
    Ok(root)
}

/// What of the program in this root was not looked at.
fn gaps(root: &Path) -> Result<String> {
    let scan = scan(&root.join("bin/program"), &["--sysroot", &root.to_string_lossy()])?;
    Ok(scan["gaps"].to_string())
}

/// Where in the file a section lies.
fn place(file: &[u8], section: &[u8]) -> Result<Range<usize>> {
    let image = Image::parse(file)?;
    let part = image.section(section).and_then(|range| image.slice(range)).context("it has the section")?;
    let start = part.as_ptr().addr() - file.as_ptr().addr();
    Ok(start..start + part.len())
}

/// Puts folders into a program in the place of a name that it imports, and of what it tells debuggers.
fn with_folders(program: &[u8], tag: u64, folders: &[u8]) -> Result<Vec<u8>> {
    let mut changed = program.to_vec();
    let strings = place(program, b".dynstr")?;
    let name = b"pthread_attr_getstacksize\0";
    assert!(folders.len() < name.len(), "there is room for it");
    let found = program[strings.clone()].windows(name.len()).position(|text| text == name);
    let start = found.context("it imports that")?;
    changed[strings.start + start..][..=folders.len()].copy_from_slice(&[folders, b"\0"].concat());
    let entries = place(program, b".dynamic")?;
    let debug = |entry: &&mut [u8]| entry[..8] == 21_u64.to_le_bytes();
    let entry = changed[entries].chunks_exact_mut(16).find(debug).context("DT_DEBUG")?;
    entry.copy_from_slice(&[tag, start as u64].map(u64::to_le_bytes).concat());
    Ok(changed)
}

/// Check that libraries are found in folders that the root's configuration names, and that they are gaps otherwise.
#[test]
fn configured_folders_are_looked_in() -> Result<()> {
    let root = root(&fs::read(PROGRAM.path()?)?)?;
    assert!(gaps(root.path())?.contains("libc.so.6: not found"));
    fs::write(root.path().join("etc/ld.so.conf"), "include /etc/ld.so.conf.d/*.conf\n")?;
    fs::write(root.path().join("etc/ld.so.conf.d/own.conf"), "/own\n")?;
    assert_eq!(gaps(root.path())?, "[]");
    // A link that leads out of the root leads to nothing.
    fs::remove_file(root.path().join("own/libc.so.6"))?;
    std::os::unix::fs::symlink("/lib/x86_64-linux-gnu/libc.so.6", root.path().join("own/libc.so.6"))?;
    assert!(gaps(root.path())?.contains("libc.so.6: not found"));
    Ok(())
}

/// Check that libraries are found in the folders that the program itself names (`DT_RPATH`, `DT_RUNPATH`).
#[test]
fn folders_of_the_program_are_looked_in() -> Result<()> {
    let program = fs::read(PROGRAM.path()?)?;
    for (tag, folders) in [(15, "$ORIGIN/../own"), (29, "/gone:${ORIGIN}/../own"), (29, "/own")] {
        let root = root(&with_folders(&program, tag, folders.as_bytes())?)?;
        assert_eq!(gaps(root.path())?, "[]", "by {folders}");
    }
    let root = root(&with_folders(&program, 29, b"own:$ORIGIN/own")?)?;
    assert!(gaps(root.path())?.contains("libc.so.6: not found"), "they are not there");
    Ok(())
}
