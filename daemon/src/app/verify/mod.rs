//! `seccinch verify`: asks a filter what becomes of every call, and compares it with a profile and with the calls by
//! which containers are left.
//!
//! Nothing is made: see [`sys::ask`]. The filter is what libseccomp makes of the profile here, or what a process really
//! runs under.

mod battery;
mod cases;
mod report;

use std::io;

use super::profile::{self, ProfileCommandError};
use crate::emit::{self, EmitError};
use crate::files::Input;
use crate::model::Arch;
use crate::policy::{Errno, Outcome, Profile};
use crate::sys::{self, Answer, Call};

pub use battery::BatteryError;
pub use report::VerifyReport;

/// What is asked.
#[derive(Debug, Clone)]
pub enum Subject {
    /// The filter that is made of a profile.
    Profile(Input),
    /// The filters that a process runs under, compared with a profile if one is given.
    Process(u32, Option<Input>),
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The profile can't be read.
    #[error(transparent)]
    Profile(#[from] ProfileCommandError),
    /// It has no form as a filter.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// It is for another machine, whose calls can't be asked about here.
    #[error("the profile is for {}, and this machine is {}: verify it there", .0.name(), Arch::NATIVE.name())]
    Arch(Arch),
    /// The process's filters can't be read.
    #[error(
        "cannot read the seccomp filters of process {pid}: it needs root, a kernel with CONFIG_CHECKPOINT_RESTORE, no \
         filter on this command itself, and no other tracer"
    )]
    Filters {
        /// The process.
        pid: u32,
        /// The kernel's word.
        #[source]
        source: io::Error,
    },
    /// A filter could not be asked.
    #[error("cannot ask the filter")]
    Ask(#[source] io::Error),
    /// The files in the program are wrong.
    #[error(transparent)]
    Battery(#[from] BatteryError),
}

/// Asks, and compares.
///
/// # Errors
/// See [`Error`].
pub fn verify(subject: &Subject) -> Result<VerifyReport, Error> {
    let (name, profile, filters) = match subject {
        Subject::Profile(input) => {
            let profile = load(input)?;
            let filters = vec![emit::bpf(&profile)?];
            (input.to_string(), Some(profile), filters)
        }
        Subject::Process(pid, input) => {
            let profile = input.as_ref().map(load).transpose()?;
            let filters = sys::filters_of(*pid).map_err(|source| Error::Filters { pid: *pid, source })?;
            (format!("process {pid}"), profile, filters)
        }
    };
    let rows = battery::rows()?;
    let cases = cases::cases(profile.as_ref());
    let calls: Vec<Call> =
        cases.iter().map(|case| case.call).chain(rows.iter().map(|row| row.call)).collect();
    let outcomes = outcomes(&filters, &calls)?;
    let (of_cases, of_rows) = outcomes.split_at(cases.len());
    let is_exact = matches!(subject, Subject::Profile(_));
    let differences = match &profile {
        Some(profile) => cases::differences(profile, &cases, of_cases, is_exact),
        None => Vec::new(),
    };
    let open = cases::made(&cases, of_cases);
    let battery = battery::judge(rows, of_rows);
    Ok(VerifyReport {
        name,
        is_compared: profile.is_some(),
        filters: filters.len(),
        asked: calls.len(),
        open,
        differences,
        battery,
    })
}

fn load(input: &Input) -> Result<Profile, Error> {
    let profile = profile::load(input)?.profile;
    if profile.arch() == Arch::NATIVE { Ok(profile) } else { Err(Error::Arch(profile.arch())) }
}

/// What becomes of each call under all filters together, the newest of which is the first: the strictest answer counts,
/// and of two errors the newer one (seccomp(2)). Where there is no filter every call is made.
fn outcomes(filters: &[Vec<u8>], calls: &[Call]) -> Result<Vec<Outcome>, Error> {
    let mut outcomes = vec![Outcome::Made; calls.len()];
    for filter in filters {
        let answers = sys::ask(filter, calls).map_err(Error::Ask)?;
        for (outcome, answer) in outcomes.iter_mut().zip(answers) {
            *outcome = (*outcome).under(self::outcome(answer));
        }
    }
    Ok(outcomes)
}

fn outcome(answer: Answer) -> Outcome {
    match answer {
        Answer::Made => Outcome::Made,
        Answer::Killed => Outcome::Killed,
        // A filter may return 0 or more than the kernel's bound, which the kernel then takes; none of ours does.
        Answer::Errno(number) => {
            u16::try_from(number).ok().and_then(Errno::new).map_or(Outcome::Made, Outcome::Errno)
        }
    }
}
