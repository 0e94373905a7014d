//! `seccinch record`: watch something for a while, and keep what it asked of the kernel.

mod ending;
mod error;
mod status;
mod table;
mod watch;

pub use error::Error;
pub use table::render as render_table;

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use self::ending::Ending;
use self::status::StatusLine;
use crate::collect::{Command, ProcFs, Selection, Session, this_host};
use crate::files::{self, Output};
use crate::inspect::Inspector;
use crate::kernel::{Executions, Hooks, Kernel, LoadOptions};
use crate::learn;
use crate::model::Observations;
use crate::sys::SignalSource;

/// What to record, for how long, and where to.
#[derive(Debug)]
pub struct Options {
    /// What.
    pub subject: Subject,
    /// For how long; nothing until it ends or a signal comes.
    pub duration: Option<Duration>,
    /// Where the observations go.
    pub output: Output,
    /// The kind of tracepoint; nothing takes the best that loads.
    pub hooks: Option<Hooks>,
    /// Type information for a kernel that has none of its own.
    pub btf: Option<PathBuf>,
}

/// What to record.
#[derive(Debug)]
pub enum Subject {
    /// A command, from its first instruction.
    Command(Command),
    /// What runs already.
    Running(Selection),
}

/// A recording that has ended.
#[derive(Debug)]
pub struct Recorded {
    /// What was seen.
    pub observations: Observations,
    /// How the command ended, if one was started.
    pub exit: Option<ExitStatus>,
    /// How it was counted.
    pub counting: Counting,
}

/// How calls were counted.
#[derive(Debug, Clone, Copy)]
pub struct Counting {
    /// By which kind of tracepoint.
    pub hooks: Hooks,
    /// Bytes that the kernel held for it.
    pub kernel_memory: u64,
}

/// Records until the subject ends, the duration is over, or a signal comes; then writes the observations.
pub fn record(options: Options) -> Result<Recorded, Error> {
    let signals = SignalSource::new().map_err(Error::Signals)?;
    options.output.check().map_err(Error::Write)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let output = options.output;
    let (observations, watched, counting) = runtime.block_on(async {
        let mut session = open(&options.subject, options.hooks, options.btf)?;
        let ending = begin(&mut session, options.subject, Ending::after(options.duration))?;
        // Whatever goes wrong from here on, what was learned is written first.
        let watched = watch::watch(&mut session, ending, &signals, &StatusLine::on_stderr()).await;
        let counting =
            Counting { hooks: session.kernel().hooks(), kernel_memory: session.kernel().memory_bytes() };
        Ok::<_, Error>((session.finish(this_host())?, watched, counting))
    })?;
    if observations.roles.is_empty() {
        // Nor is anything written: an earlier recording may stand there.
        return watched.and(Err(Error::NothingRecorded));
    }
    write(&observations, &output)?;
    Ok(Recorded { observations, exit: watched?, counting })
}

fn open(subject: &Subject, hooks: Option<Hooks>, btf: Option<PathBuf>) -> Result<Session, Error> {
    let executions = match subject {
        Subject::Running(Selection::Group(_)) => Executions::Provisional,
        _ => Executions::Ignored,
    };
    let load = LoadOptions { executions, hooks, btf, ..LoadOptions::default() };
    let kernel = Kernel::load(&load).map_err(crate::collect::Error::Kernel)?;
    tracing::info!(hooks = ?kernel.hooks(), kernel_memory_bytes = kernel.memory_bytes(), "eBPF programs attached");
    Ok(Session::new(kernel, ProcFs::default().inspected_by(Inspector::confined())))
}

fn begin(session: &mut Session, subject: Subject, mut ending: Ending) -> Result<Ending, Error> {
    match subject {
        Subject::Command(command) => ending.when_command_ends(session.launch(command)?)?,
        Subject::Running(Selection::Processes(pids)) => {
            for pid in pids {
                session.attach(pid)?;
            }
            ending.when_targets_end();
        }
        Subject::Running(Selection::Group(group)) => {
            if session.attach_group(group)? == 0 {
                tracing::warn!("no process of that name runs now: waiting for one to start");
            }
        }
    }
    tracing::info!("counting");
    Ok(ending)
}

/// Prints the observations as JSON on standard output.
pub fn show_json(observations: &Observations) -> Result<(), files::WriteError> {
    learn::file::write(observations, &Output::Stdout)
}

/// Nothing learned is lost: what can't be written where it should go is kept in the folder for temporary
/// files, and the error says so.
fn write(observations: &Observations, output: &Output) -> Result<(), Error> {
    let Err(source) = learn::file::write(observations, output) else { return Ok(()) };
    let kept = std::env::temp_dir().join(format!("seccinch-observations-{}.json", std::process::id()));
    match learn::file::write(observations, &Output::File(kept.clone())) {
        Ok(()) => Err(Error::WriteKept { kept, source }),
        Err(_) => Err(Error::Write(source)),
    }
}
