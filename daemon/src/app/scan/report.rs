//! A scan as a table for people, and as JSON (`docs/scan.md`).

use std::fmt::Write as _;

use serde::Serialize;

use crate::files::{WriteError, to_json};
use crate::golang::scan::{Lost, Origin, Reach, Scan, Site, Unresolved, Why};
use crate::model::SyscallNr;
use crate::syscalls::display_name;

/// The columns that a line of a table may have.
pub const WIDTH: usize = 100;

#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    version: u32,
    arch: &'static str,
    /// The Go toolchain, as it names itself.
    go: Option<&'a str>,
    /// The import path of the main package.
    package: Option<&'a str>,
    functions: usize,
    syscalls: Vec<SyscallDocument<'a>>,
    unresolved: Vec<UnresolvedDocument<'a>>,
    gaps: Vec<&'a str>,
}

#[derive(Serialize)]
struct SyscallDocument<'a> {
    name: String,
    number: u16,
    origins: Vec<&'static str>,
    optional: bool,
    packages: Vec<&'a str>,
    sites: Vec<SiteDocument<'a>>,
}

/// A place at which a call is made, as files have it.
#[derive(Serialize)]
pub(super) struct SiteDocument<'a> {
    function: &'a str,
    address: String,
    origin: &'static str,
    library: Option<&'a str>,
    wrappers: Vec<&'a str>,
}

/// A call without a number, as files have it.
#[derive(Serialize)]
pub struct UnresolvedDocument<'a> {
    #[serde(flatten)]
    site: SiteDocument<'a>,
    from: String,
    reason: &'static str,
}

/// The scan as one JSON document.
pub fn json(scan: &Scan) -> Result<Vec<u8>, WriteError> {
    let syscall = |(&nr, reach)| syscall_document(scan, nr, reach);
    to_json(&Document {
        format: "seccinch.scan",
        version: 1,
        arch: scan.arch.name(),
        go: scan.go.as_ref().map(|go| go.toolchain.as_str()),
        package: scan.go.as_ref().and_then(|go| go.path.as_deref()),
        functions: scan.functions,
        syscalls: scan.syscalls.iter().map(syscall).collect(),
        unresolved: scan.unresolved.iter().map(unresolved_document).collect(),
        gaps: scan.gaps.iter().map(String::as_str).collect(),
    })
}

fn syscall_document<'a>(scan: &Scan, nr: SyscallNr, reach: &'a Reach) -> SyscallDocument<'a> {
    SyscallDocument {
        name: display_name(scan.arch, nr),
        number: nr.get(),
        origins: reach.origins.iter().map(|&origin| origin_name(origin)).collect(),
        optional: reach.is_optional,
        packages: reach.packages.iter().map(String::as_str).collect(),
        sites: reach.sites.iter().map(site_document).collect(),
    }
}

fn site_document(site: &Site) -> SiteDocument<'_> {
    SiteDocument {
        function: &site.function,
        address: format!("{:#x}", site.address),
        origin: origin_name(site.origin),
        library: site.library.as_deref(),
        wrappers: site.wrappers.iter().map(String::as_str).collect(),
    }
}

/// A call without a number, as files have it.
pub fn unresolved_document(unresolved: &Unresolved) -> UnresolvedDocument<'_> {
    UnresolvedDocument {
        site: site_document(&unresolved.site),
        from: format!("{:#x}", unresolved.from),
        reason: reason(unresolved.why),
    }
}

/// The scan for people.
pub fn table(scan: &Scan) -> String {
    let mut rows: Vec<_> =
        scan.syscalls.iter().map(|(nr, reach)| (display_name(scan.arch, *nr), reach)).collect();
    rows.sort_by(|left, right| left.0.cmp(&right.0));
    let names = rows.iter().map(|(name, _)| name.len() + 1).max().unwrap_or_default().max("SYSCALL".len());
    let origins = rows
        .iter()
        .map(|(_, reach)| origins_in_words(reach).len())
        .max()
        .unwrap_or_default()
        .max("FROM".len());
    let mut text = format!("{:names$}  {:origins$}  PACKAGES\n", "SYSCALL", "FROM");
    for (name, reach) in rows {
        let name = format!("{name}{}", if reach.is_optional { "?" } else { "" });
        let packages = shortened(&reach.packages_by_interest(), WIDTH.saturating_sub(names + origins + 4));
        let line = format!("{name:names$}  {:origins$}  {packages}", origins_in_words(reach));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str(&totals(scan));
    for unresolved in &scan.unresolved {
        text.push_str(&unresolved_line(unresolved));
    }
    for gap in &scan.gaps {
        let _ = writeln!(text, "not looked at: {gap}");
    }
    text
}

/// A line about a call without a number.
pub fn unresolved_line(unresolved: &Unresolved) -> String {
    let Unresolved { site, from, why } = unresolved;
    format!(
        "unresolved: {} at {:#x} ({}): {}, at {from:#x}\n",
        site.function,
        site.address,
        site.library.as_deref().unwrap_or_else(|| origin_name(site.origin)),
        words(*why)
    )
}

fn totals(scan: &Scan) -> String {
    let optional = scan.syscalls.values().filter(|reach| reach.is_optional).count();
    let go = scan.syscalls.values().filter(|reach| reach.origins.contains(&Origin::Go)).count();
    let mut text = format!("\n{} system calls, {go} of them from Go code", scan.syscalls.len());
    if let Some(build) = &scan.go {
        let _ = write!(text, " ({})", build.toolchain);
    }
    if optional > 0 {
        let _ = write!(text, "; {optional} (?) only for options of os/exec (SysProcAttr)");
    }
    let _ = writeln!(text, "; {} unresolved; {} functions", scan.unresolved.len(), scan.functions);
    text
}

/// Whose code makes the call: `go+libc`.
pub fn origins_in_words(reach: &Reach) -> String {
    let names: Vec<_> = reach.origins.iter().map(|&origin| origin_name(origin)).collect();
    names.join("+")
}

/// As many names as fit, and how many are left out.
pub fn shortened(packages: &[&str], width: usize) -> String {
    let mut text = String::new();
    for (number, package) in packages.iter().enumerate() {
        let rest = packages.len() - number - 1;
        let separator = if text.is_empty() { "" } else { ", " };
        let room = if rest > 0 { ", +9999".len() } else { 0 };
        if !text.is_empty() && text.len() + separator.len() + package.len() + room > width {
            let _ = write!(text, ", +{}", rest + 1);
            return text;
        }
        text.push_str(separator);
        text.push_str(package);
    }
    text
}

/// Its name in files and tables.
pub fn origin_name(origin: Origin) -> &'static str {
    match origin {
        Origin::Go => "go",
        Origin::Program => "c",
        Origin::Libc => "libc",
        Origin::Loader => "ld.so",
        Origin::Always => "always",
    }
}

/// The reason as JSON has it.
pub fn reason(why: Why) -> &'static str {
    match why {
        Why::Lost(Lost::AfterCall) => "result-of-call",
        Why::Lost(Lost::Memory) => "memory",
        Why::Lost(Lost::Computed) => "computed",
        Why::Lost(Lost::Address) => "address",
        Why::Lost(Lost::Unreached) => "unreached",
        Why::Lost(Lost::TooMuch) => "too-much",
        Why::FunctionValue => "function-value",
        Why::NoCaller => "no-caller",
        Why::Variable => "variable",
        Why::NoNumber => "no-number",
        Why::ForeignAbi => "32-bit-call",
    }
}

/// The reason for people.
pub fn words(why: Why) -> &'static str {
    match why {
        Why::Lost(Lost::AfterCall) => "the number is the result of a call",
        Why::Lost(Lost::Memory) => "the number is read from memory",
        Why::Lost(Lost::Computed) => "the number is computed",
        Why::Lost(Lost::Address) => "the number is an address",
        Why::Lost(Lost::Unreached) => "nothing leads there",
        Why::Lost(Lost::TooMuch) => "too much code to follow",
        Why::FunctionValue => "the function that gets the number is used as a value",
        Why::NoCaller => "nothing is seen to call the function that gets the number",
        Why::Variable => "the number is in a variable whose address is taken",
        Why::NoNumber => "the number is none that the kernel knows",
        Why::ForeignAbi => "it is a 32-bit call (int 0x80 or sysenter)",
    }
}
