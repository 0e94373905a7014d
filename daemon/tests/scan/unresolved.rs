//! Numbers that can't be told from the code are told of, with their places; those that can be are found.

use anyhow::Result;
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
