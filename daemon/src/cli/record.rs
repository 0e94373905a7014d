//! `seccinch record`.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::exit::{ExitStatus, chain};
use super::terminal::columns;
use crate::app::record::{self, Counting, Error, Options, Recorded, Subject};
use crate::collect::{Command, Error as CollectError, GroupMatch, Selection};
use crate::files::Output;
use crate::kernel::Hooks;

/// Count the system calls of a service, and keep what it asked for
///
/// A command is counted from its first instruction, with its input, output and signals passed through; a
/// running service from now on, with what it is in the middle of. Children are followed. Ends when the
/// command or the processes end, when the duration is over, or on Ctrl-C, and always leaves a whole file.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("subject").required(true))]
#[command(after_help = "Examples:
  seccinch record -o web.json -- ./web --listen :8080
  seccinch record --unit caddy.service --duration 5m
  seccinch record --pid 4711
  seccinch profile build web.json --to oci -o web-seccomp.json

Exit status: with a command its own (own faults: 125 to 127), else 0 fine, 2 bad usage or input,
3 this system can't.")]
pub(super) struct RecordArguments {
    /// Record this process and its descendants; may be repeated
    #[arg(long, value_name = "N", group = "subject")]
    pid: Vec<u32>,
    /// Record a systemd unit, also when it starts or restarts later
    #[arg(long, value_name = "U", group = "subject")]
    unit: Option<String>,
    /// Record a control group, by its path as in /proc/PID/cgroup
    #[arg(long, value_name = "P", group = "subject")]
    cgroup: Option<String>,
    /// Record a container, by its id (or its beginning) or the name the runtime was given
    #[arg(long, value_name = "ID", group = "subject")]
    container: Option<String>,
    /// Start this command and record it
    #[arg(last = true, value_name = "CMD", group = "subject")]
    command: Vec<OsString>,
    /// End after this long (30s, 5m); a command then gets SIGTERM, and SIGKILL if it runs 10s later
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    /// Where the observations go; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "observations.json")]
    output: String,
    /// What to print at the end
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// Which kind of tracepoint to use instead of the best that works
    #[arg(long, value_name = "KIND")]
    tracepoints: Option<Tracepoints>,
    /// Kernel type information (BTF) for a kernel that has none of its own
    #[arg(long, value_name = "FILE")]
    btf: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for people; on standard error if a command was recorded
    Table,
    /// The observations as one JSON document on standard output
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Tracepoints {
    Btf,
    Raw,
}

/// Records, shows what was seen, and says how to exit.
pub(super) fn run(arguments: RecordArguments) -> ExitStatus {
    arguments.run()
}

impl RecordArguments {
    fn run(self) -> ExitStatus {
        let (format, is_command) = (self.format, !self.command.is_empty());
        let output = self.output.clone();
        match self.options().and_then(record::record) {
            Ok(recorded) => {
                if let Err(error) = show(&recorded, format, &output) {
                    say(&format!("seccinch: {}\n", chain(&error)));
                    return ExitStatus::System;
                }
                recorded.exit.map_or(ExitStatus::Done, of_command)
            }
            Err(error) => {
                say(&format!("seccinch: {}\n", chain(&error)));
                if is_command { of_own_fault(&error) } else { of_fault(&error) }
            }
        }
    }

    fn options(self) -> Result<Options, Error> {
        Ok(Options {
            duration: self.duration,
            output: Output::from(self.output.as_str()),
            hooks: self.tracepoints.map(|kind| match kind {
                Tracepoints::Btf => Hooks::Btf,
                Tracepoints::Raw => Hooks::Raw,
            }),
            btf: self.btf.clone(),
            subject: self.subject()?,
        })
    }

    fn subject(self) -> Result<Subject, Error> {
        if !self.command.is_empty() {
            return Ok(Subject::Command(Command::find(self.command)?));
        }
        let group = [
            self.unit.map(|unit| GroupMatch::Unit(unit_name(unit))),
            self.cgroup.map(GroupMatch::Path),
            self.container.map(GroupMatch::Container),
        ];
        let group = group.into_iter().flatten().next().map(Selection::Group);
        Ok(Subject::Running(group.unwrap_or(Selection::Processes(self.pid))))
    }
}

/// As systemctl does: a name without a type is a service's.
fn unit_name(unit: String) -> String {
    if unit.contains('.') { unit } else { format!("{unit}.service") }
}

fn show(recorded: &Recorded, format: Format, output: &str) -> Result<(), crate::files::WriteError> {
    if format == Format::Json {
        return if output == "-" { Ok(()) } else { record::show_json(&recorded.observations) };
    }
    let is_on_stderr = recorded.exit.is_some() || output == "-";
    let width = if is_on_stderr { columns(io::stderr()) } else { columns(io::stdout()) };
    let mut text = record::render_table(&recorded.observations, width);
    text.push_str(&how_counted(recorded.counting));
    if output != "-" {
        text.push_str(&where_next(output));
    }
    if is_on_stderr {
        say(&format!("\n{text}"));
        Ok(())
    } else {
        Output::Stdout.write(text.as_bytes())
    }
}

/// As a wrapper of other programs does: by name, and without a word if the terminal has gone away.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

fn how_counted(counting: Counting) -> String {
    let hooks = match counting.hooks {
        Hooks::Btf => "BTF",
        Hooks::Raw => "raw",
    };
    let mebibytes = counting.kernel_memory.div_ceil(1 << 20);
    format!("counted on {hooks} tracepoints with {mebibytes} MiB of kernel memory\n")
}

fn where_next(output: &str) -> String {
    format!("observations: {output}\nnext: seccinch profile build {output} --to oci -o seccomp.json\n")
}

/// As a shell has it: its own code, or 128 and the signal that ended it.
fn of_command(status: process::ExitStatus) -> ExitStatus {
    let signal = || status.signal().map_or(125, |signal| 128 + signal);
    ExitStatus::Command(u8::try_from(status.code().unwrap_or_else(signal)).unwrap_or(125))
}

fn of_own_fault(error: &Error) -> ExitStatus {
    ExitStatus::Command(match error {
        Error::Collect(CollectError::CommandNotFound { .. }) => 127,
        Error::Collect(CollectError::Execute { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            127
        }
        Error::Collect(CollectError::Execute { .. } | CollectError::NotAProgram { .. }) => 126,
        _ => 125,
    })
}

fn of_fault(error: &Error) -> ExitStatus {
    match error {
        Error::Collect(CollectError::Kernel(_))
        | Error::Runtime(_)
        | Error::Signals(_)
        | Error::Wait { .. }
        | Error::Write(_)
        | Error::WriteKept { .. } => ExitStatus::System,
        Error::Collect(_) | Error::NothingRecorded => ExitStatus::Usage,
    }
}
