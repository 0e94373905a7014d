//! `seccinch scan`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::ask::{Format, FormatArguments};
use super::exit::{ExitStatus, chain};
use crate::app::profile::Report;
use crate::app::scan::graph::{self, Language};
use crate::app::scan::{self, Error};
use crate::files::Output;

/// Find out which system calls a Go program can ever make
///
/// Every number is traced in the machine code from the instruction that calls the kernel to where it is set. A number
/// that can't be found out is listed as unresolved, with the function and its address. Calls that are marked `?` are
/// made between fork and exec only, for options of os/exec that few programs set.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seccinch scan /usr/bin/caddy
  seccinch scan ./service --format json -o service.scan.json
  seccinch scan rootfs/app --sysroot rootfs
  seccinch scan /usr/bin/caddy --graph svg -o caddy.svg
  seccinch scan ./service --graph dot | dot -Tpdf -o service.pdf
  seccinch scan --diff app-1.4 app-1.5

Exit status: 0 scanned, and with --diff no difference; 1 the two differ; 2 a file can't be read, or is no Go program
for x86-64.")]
pub(super) struct ScanArguments {
    /// The executable
    #[arg(value_name = "BINARY", required_unless_present = "diff", conflicts_with = "diff")]
    binary: Option<PathBuf>,
    /// Compare two builds: which calls the new one adds or removes, and which packages make them
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"])]
    diff: Option<Vec<PathBuf>>,
    /// The root of OLD, if it is another
    #[arg(long, value_name = "DIR", requires = "diff")]
    old_sysroot: Option<PathBuf>,
    /// The root of NEW, if it is another
    #[arg(long, value_name = "DIR", requires = "diff")]
    new_sysroot: Option<PathBuf>,
    /// The folder that is the program's root, in which its libraries lie
    #[arg(long, value_name = "DIR", default_value = "/")]
    sysroot: PathBuf,
    /// Print which packages lead to which calls, as a graph
    #[arg(long, value_name = "FORMAT", conflicts_with_all = ["format", "diff"])]
    graph: Option<GraphFormat>,
    #[command(flatten)]
    format: FormatArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GraphFormat {
    /// A flowchart, for Markdown pages that show them
    Mermaid,
    /// For Graphviz
    Dot,
    /// One JSON document
    Json,
    /// A picture for any browser
    Svg,
}

impl From<GraphFormat> for Language {
    fn from(format: GraphFormat) -> Self {
        match format {
            GraphFormat::Mermaid => Self::Mermaid,
            GraphFormat::Dot => Self::Dot,
            GraphFormat::Json => Self::Json,
            GraphFormat::Svg => Self::Svg,
        }
    }
}

pub(super) fn run(arguments: &ScanArguments) -> ExitStatus {
    let written = document(arguments).and_then(|(bytes, status)| {
        Output::from(arguments.format.output.as_str()).write(&bytes)?;
        Ok(status)
    });
    written.unwrap_or_else(|error| {
        eprintln!("error: {}", chain(&error));
        if matches!(error, Error::Write(_)) { ExitStatus::System } else { ExitStatus::Usage }
    })
}

fn document(arguments: &ScanArguments) -> Result<(Vec<u8>, ExitStatus), Error> {
    if let Some([old, new]) = arguments.diff.as_deref() {
        let root = |of: &Option<PathBuf>| of.clone().unwrap_or_else(|| arguments.sysroot.clone());
        let old_scan = scan::scan(old, &root(&arguments.old_sysroot))?;
        let new_scan = scan::scan(new, &root(&arguments.new_sysroot))?;
        let name = |path: &PathBuf| path.display().to_string();
        let difference = scan::diff((&name(old), &old_scan), (&name(new), &new_scan));
        return report(&difference, arguments.format.format);
    }
    let (binary, sysroot) = (arguments.binary.as_deref().unwrap_or(Path::new("")), &arguments.sysroot);
    let bytes = match (arguments.graph, arguments.format.format) {
        (Some(format), _) => graph::render(&scan::graph(binary, sysroot)?, format.into())?,
        (None, Format::Table) => scan::table(&scan::scan(binary, sysroot)?).into_bytes(),
        (None, Format::Json) => scan::json(&scan::scan(binary, sysroot)?)?,
    };
    Ok((bytes, ExitStatus::Done))
}

fn report(report: &impl Report, format: Format) -> Result<(Vec<u8>, ExitStatus), Error> {
    let bytes = match format {
        Format::Table => report.text().into_bytes(),
        Format::Json => report.json()?,
    };
    Ok((bytes, if report.is_clean() { ExitStatus::Done } else { ExitStatus::Found }))
}
