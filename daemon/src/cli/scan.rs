//! `seccinch scan`.

use std::path::PathBuf;

use clap::Args;

use super::ask::{Format, FormatArguments};
use super::exit::{ExitStatus, chain};
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

Exit status: 0 scanned; 2 the file can't be read, or is no Go program for x86-64.")]
pub(super) struct ScanArguments {
    /// The executable
    #[arg(value_name = "BINARY")]
    binary: PathBuf,
    /// The folder that is the program's root, in which its libraries lie
    #[arg(long, value_name = "DIR", default_value = "/")]
    sysroot: PathBuf,
    #[command(flatten)]
    format: FormatArguments,
}

pub(super) fn run(arguments: &ScanArguments) -> ExitStatus {
    let written = scan::scan(&arguments.binary, &arguments.sysroot).and_then(|scan| {
        let bytes = match arguments.format.format {
            Format::Table => scan::table(&scan).into_bytes(),
            Format::Json => scan::json(&scan)?,
        };
        Ok(Output::from(arguments.format.output.as_str()).write(&bytes)?)
    });
    match written {
        Ok(()) => ExitStatus::Done,
        Err(error) => {
            eprintln!("error: {}", chain(&error));
            if matches!(error, Error::Write(_)) { ExitStatus::System } else { ExitStatus::Usage }
        }
    }
}
