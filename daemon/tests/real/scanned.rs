//! Nothing that a program was seen to do is missing from a scan of it: the recorder is the oracle.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use crate::support::fixtures::Program;
use crate::support::folder::Folder;
use crate::support::seccinch;

/// Calls that `stacks` makes by numbers from memory, and the functions that do: no code says which they are. A scan
/// has to say where.
const COMPUTED: [(&str, &str); 3] = [
    ("sched_getparam", "main.(*deferred).call.func1"),
    ("sched_getscheduler", "main.(*nested).call"),
    // By C, which has no names without symbols.
    ("sched_rr_get_interval", "0x"),
];

/// Fails unless a scan of the binary and its libraries finds all that the program was seen to do; prints a row. Where
/// the program loads no library, all of that is Go code.
pub(crate) fn reachable(name: &str, program: &Path, observations: &Path) -> Result<()> {
    let observed = seccinch::observed_of(observations, program)?;
    let (reachable, unresolved) = (seccinch::reachable(program)?, seccinch::unresolved(program)?);
    let is_told = |call: &str| {
        let mut computed =
            COMPUTED.iter().filter(|(computed, _)| name.starts_with("stacks-") && *computed == call);
        computed.any(|(_, function)| unresolved.iter().any(|site| site.starts_with(function)))
    };
    let missing: Vec<_> = observed.difference(&reachable).filter(|call| !is_told(call)).collect();
    println!("scan: {name:32} observed {:3} of {:3} reachable", observed.len(), reachable.len());
    ensure!(missing.is_empty(), "{name}: observed, but not found by the scan: {missing:?}");
    Ok(())
}

/// Runs a program in a folder, its home, and checks what it did against a scan, whether it succeeds or not.
fn check(program: Program, arguments: &[&str], folder: &Folder) -> Result<()> {
    let observations = folder.path().join("observations.json");
    let words = seccinch::record(&observations);
    let program = program.path()?;
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).arg(&program).args(arguments).current_dir(folder.path());
    command.env("HOME", folder.path()).env("GOCACHE", folder.path().join("cache"));
    command.env("GOTOOLCHAIN", "local").env("GOPROXY", "off");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    reachable(&format!("{name} {}", arguments.first().unwrap_or(&"")), &program, &observations)
}

/// Programs that do something small and end, with their arguments.
const COMMANDS: [(Program, &[&str]); 9] = [
    (Program::Debian { package: "runc", path: "usr/sbin/runc" }, &["list"]),
    (Program::Debian { package: "containerd", path: "usr/bin/ctr" }, &["version"]),
    (Program::Debian { package: "containerd", path: "usr/bin/containerd" }, &["config", "default"]),
    (Program::Go { program: "metronome", variant: "go1.19-cgo0" }, &["10"]),
    (Program::Go { program: "metronome", variant: "go1.19-cgo0-stripped" }, &["10"]),
    (Program::Go { program: "metronome", variant: "go1.27-cgo0" }, &["10"]),
    (Program::Go { program: "metronome", variant: "go1.27-cgo0-stripped" }, &["10"]),
    (Program::Go { program: "probe", variant: "go1.19-cgo1-stripped" }, &[]),
    (Program::Go { program: "probe", variant: "go1.27-cgo1-stripped" }, &[]),
];

/// Check that a scan finds all that short commands were seen to do.
#[test]
fn commands_do_nothing_that_a_scan_does_not_find() -> Result<()> {
    COMMANDS.iter().try_for_each(|(program, arguments)| check(*program, arguments, &Folder::create()?))
}

/// What each version of Go's own tools is seen to do. The build needs the compiler and the linker.
fn toolchain(version: &'static str) -> Result<()> {
    let tool = |program| Program::Toolchain { version, program };
    let folder = Folder::create()?;
    fs::write(folder.path().join("main.go"), "package main\nfunc main() {println( 1)}\n")?;
    for arguments in [&["version"][..], &["env"], &["list", "std"], &["build", "-o", "built", "main.go"]] {
        check(tool("go"), arguments, &folder)?;
    }
    ensure!(folder.path().join("built").is_file(), "go {version} built nothing");
    check(tool("gofmt"), &["-d", "main.go"], &folder)
}

/// The tests of a version of Go.
macro_rules! versions {
    ($($name:ident: $language:literal, $version:literal;)*) => {$(
        mod $name {
            use super::{Folder, Program, check, toolchain};

            /// Check that a scan finds all that `go` and `gofmt` were seen to do.
            #[test]
            fn tools_do_nothing_that_a_scan_does_not_find() -> anyhow::Result<()> {
                toolchain($version)
            }

            /// Check that a scan finds all that the programs it builds were seen to do, in whatever form.
            #[test]
            fn programs_do_nothing_that_a_scan_does_not_find() -> anyhow::Result<()> {
                VARIANTS.iter().try_for_each(|variant| {
                    check(Program::Go { program: "stacks", variant }, &["20"], &Folder::create()?)
                })
            }

            const VARIANTS: [&str; 6] = [
                concat!("go", $language, "-cgo0"),
                concat!("go", $language, "-cgo0-stripped"),
                concat!("go", $language, "-cgo0-pie-stripped"),
                concat!("go", $language, "-cgo1"),
                concat!("go", $language, "-cgo1-stripped"),
                concat!("go", $language, "-cgo1-pie-stripped"),
            ];
        }
    )*};
}

versions! {
    go1_19: "1.19", "1.19";
    go1_21: "1.21", "1.21.13";
    go1_22: "1.22", "1.22.10";
    go1_23: "1.23", "1.23.9";
    go1_24: "1.24", "1.24.11";
    go1_25: "1.25", "1.25.5";
    go1_26: "1.26", "1.26.6";
    go1_27: "1.27", "1.27.3";
}
