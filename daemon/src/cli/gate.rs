//! `seccinch gate`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::exit::{ExitStatus, chain};
use crate::app::gate::{self, FailOn, GateError, GateRequest, Subject};
use crate::app::profile::Report;
use crate::files::{Input, Output};
use crate::image::{Location, LocationError};

/// Check before a rollout that a program can do its work under its profile
///
/// Lists the system calls that the program's Go code can make and the profile refuses, with the packages that make
/// them: those that this build is the first to reach before the others. Nothing is run. Calls marked `?` are made only
/// for options of os/exec that few programs set: they are listed, and fail nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seccinch gate --binary ./web --profile web.profile.json
  seccinch gate --binary ./web --profile web-seccomp.json --against ./web-1.4
  seccinch gate --image oci:build/image:1.5 --profile web.profile.json --format sarif -o gate.sarif
  docker save web:1.5 -o web.tar && seccinch gate --image docker-archive:web.tar --profile web.profile.json

Exit status: 0 nothing to find; 1 calls that fail the check; 2 bad usage or input; 3 the result can't be written.")]
pub(super) struct GateArguments {
    /// The program
    #[arg(long, value_name = "FILE", required_unless_present = "image", conflicts_with = "image")]
    binary: Option<PathBuf>,
    /// The folder that is the program's root, in which its libraries lie
    #[arg(long, value_name = "DIR", default_value = "/", conflicts_with = "image")]
    sysroot: PathBuf,
    /// The image that starts the program: oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:NAME]
    #[arg(long, value_name = "IMAGE", value_parser = location)]
    image: Option<Location>,
    /// The program in the image, where the image starts it by a script or another program
    #[arg(long, value_name = "PATH", requires = "image")]
    entrypoint: Option<String>,
    /// The profile: ours, OCI's or Docker's; `-` is standard input
    #[arg(long, value_name = "PROFILE")]
    profile: String,
    /// The build that runs under the profile today. By default, what the profile says of it
    #[arg(long, value_name = "OLD_BINARY")]
    against: Option<PathBuf>,
    /// The root of that build, if it is another
    #[arg(long, value_name = "DIR", requires = "against")]
    against_sysroot: Option<PathBuf>,
    /// What fails the check. By default newly-reachable, or any where nothing says what is new
    #[arg(long, value_name = "WHAT")]
    fail_on: Option<FailOnArgument>,
    /// What to print
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: GateFormat,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    output: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOnArgument {
    /// Refused calls that the build before could not make
    NewlyReachable,
    /// Every refused call that Go code can make, and every one that can't be told
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GateFormat {
    /// For people
    Table,
    /// One JSON document
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

fn location(text: &str) -> Result<Location, LocationError> {
    Location::parse(text, |path| Path::new(path).exists())
}

pub(super) fn run(arguments: &GateArguments) -> ExitStatus {
    judge(arguments).unwrap_or_else(|error| {
        eprintln!("error: {}", chain(&error));
        if error.is_of_the_system() { ExitStatus::System } else { ExitStatus::Usage }
    })
}

fn judge(arguments: &GateArguments) -> Result<ExitStatus, GateError> {
    let report = gate::gate(&request(arguments))?;
    let bytes = match arguments.format {
        GateFormat::Table => report.text().into_bytes(),
        GateFormat::Json => report.json()?,
        GateFormat::Sarif => report.sarif()?,
    };
    Output::from(arguments.output.as_str()).write(&bytes)?;
    Ok(if report.is_clean() { ExitStatus::Done } else { ExitStatus::Found })
}

fn request(arguments: &GateArguments) -> GateRequest {
    let subject = match &arguments.image {
        Some(location) => {
            Subject::Image { location: location.clone(), entrypoint: arguments.entrypoint.clone() }
        }
        None => Subject::Binary {
            path: arguments.binary.clone().unwrap_or_default(),
            sysroot: arguments.sysroot.clone(),
        },
    };
    let against_sysroot = arguments.against_sysroot.clone().unwrap_or_else(|| arguments.sysroot.clone());
    GateRequest {
        subject,
        profile: Input::from(arguments.profile.as_str()),
        against: arguments.against.clone().map(|path| (path, against_sysroot)),
        fail_on: arguments.fail_on.map(|fail_on| match fail_on {
            FailOnArgument::NewlyReachable => FailOn::NewlyReachable,
            FailOnArgument::Any => FailOn::Any,
        }),
    }
}
