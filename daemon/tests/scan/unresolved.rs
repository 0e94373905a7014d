//! Numbers that can't be told from the code are told of, with their places; those that can be are found.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use seccinch::golang::image::Image;
use seccinch::golang::scan::{Library, Part, Scan, Why, scan as scan_bytes};
use serde_json::Value;

use crate::command::{holds, names, scan};
use crate::fixtures::Program;

const VARIANTS: [&str; 4] = ["go1.19-cgo0", "go1.19-cgo0-stripped", "go1.27-cgo0", "go1.27-cgo0-stripped"];

/// (function, reason) of each unresolved call.
fn unresolved(scan: &Value) -> Vec<(&str, &str)> {
    let all = scan["unresolved"].as_array().into_iter().flatten();
    all.filter_map(|one| Some((one["function"].as_str()?, one["reason"].as_str()?))).collect()
}

/// Check that an element of a slice, the result of a call and a function value are unresolved, each with its function,
/// and that nothing else is.
#[test]
fn numbers_that_cannot_be_told_are_listed() -> Result<()> {
    for variant in VARIANTS {
        let scan = scan(&Program::Go { program: "numbers", variant }.path()?, &[])?;
        let found = unresolved(&scan);
        for expected in [
            ("main.fromSlice", "memory"),
            ("main.main", "result-of-call"),
            ("syscall.RawSyscall", "function-value"),
        ] {
            assert!(found.contains(&expected), "{variant}: {expected:?} is not in {found:?}");
        }
        let others: Vec<_> = found
            .iter()
            .filter(|(function, _)| !["main.fromSlice", "main.main", "syscall.RawSyscall"].contains(function))
            .collect();
        assert!(others.is_empty(), "{variant}: {others:?}");
        let addresses = scan["unresolved"].as_array().into_iter().flatten();
        assert!(addresses.clone().all(|one| one["address"].as_str().is_some_and(|text| text.len() > 4)));
    }
    Ok(())
}

/// Check that both values of a variable are found, and a number that is handed through a function of the program.
#[test]
fn variables_and_arguments_are_followed() -> Result<()> {
    for variant in VARIANTS {
        let scan = scan(&Program::Go { program: "numbers", variant }.path()?, &[])?;
        for (name, function) in
            [("gettid", "main.fromVariable"), ("getppid", "main.fromVariable"), ("getsid", "main.main")]
        {
            let in_function = |syscall: &Value| {
                let sites = syscall["sites"].as_array().into_iter().flatten();
                let here = sites.filter(|site| site["function"] == function).count();
                here > 0 && holds(&syscall["packages"], "main")
            };
            assert!(
                names(&scan, in_function).contains(&name),
                "{variant}: {name} is not found in {function}"
            );
        }
    }
    Ok(())
}

/// The functions with a 32-bit call.
fn foreign(scan: &Scan) -> BTreeSet<&str> {
    let foreign = scan.unresolved.iter().filter(|unresolved| unresolved.why == Why::ForeignAbi);
    foreign.map(|unresolved| unresolved.site.function.as_str()).collect()
}

/// Puts another instruction of two bytes in the place of a `SYSCALL`.
fn replace(file: &mut [u8], address: u64, instruction: [u8; 2]) -> Result<()> {
    let image = Image::parse(file)?;
    let part = image.bytes_at(address).context("the address is mapped")?;
    let start = part.as_ptr().addr() - file.as_ptr().addr();
    assert_eq!(file[start..start + 2], [0x0f, 0x05]);
    file[start..start + 2].copy_from_slice(&instruction);
    Ok(())
}

/// Check that calls by the 32-bit entries of the kernel are told of, in Go code and in that of a library.
#[test]
fn calls_of_another_abi_are_listed() -> Result<()> {
    let whole = fs::read(Program::Go { program: "stacks", variant: "go1.27-cgo0-pie-stripped" }.path()?)?;
    let loader = fs::read(Path::new("/lib64/ld-linux-x86-64.so.2"))?;
    let library = |bytes| [Library { name: "ld.so".to_owned(), part: Part::Loader, bytes: Some(bytes) }];
    let scan = scan_bytes(&whole, &library(loader.clone()))?;
    assert_eq!(foreign(&scan), BTreeSet::new(), "there are none");
    let mut direct =
        scan.syscalls.values().flat_map(|reach| &reach.sites).filter(|site| site.wrappers.is_empty());
    let of_go = direct.clone().find(|site| site.library.is_none()).context("Go calls the kernel")?;
    let of_loader = direct.find(|site| site.library.is_some()).context("ld.so calls the kernel")?;
    for instruction in [[0xcd, 0x80], [0x0f, 0x34]] {
        let (mut program, mut loader) = (whole.clone(), loader.clone());
        replace(&mut program, of_go.address, instruction)?;
        replace(&mut loader, of_loader.address, instruction)?;
        let scan = scan_bytes(&program, &library(loader))?;
        let expected = [of_go, of_loader].map(|site| site.function.as_str());
        assert_eq!(foreign(&scan), expected.into(), "by {instruction:x?}");
    }
    Ok(())
}
