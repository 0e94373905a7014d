//! What a filter refused, counted by the kernel's audit records and by a program of the tests' own: never by
//! what is under test.

mod audit;
mod orphans;
#[cfg(test)]
mod tests;

use std::fmt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use seccinch::model::{Arch, SyscallNr};
use seccinch::syscalls;

use super::cgroup::Cgroup;
use super::fixtures;
use super::poll;
use super::process;
use audit::{Audit, Record};
use orphans::Orphans;

/// A call that was refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Denial {
    /// The call's name.
    pub(crate) syscall: String,
    pub(crate) how: Refusal,
    /// How often.
    pub(crate) count: u64,
}

/// How a call was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refusal {
    /// It returned this error.
    Errno(u32),
    /// It ended the process.
    Killed,
}

/// Both sources, for all the sandboxes of one test.
pub(crate) struct Watch {
    orphans: Arc<Orphans>,
    audit: Mutex<(Audit, Vec<Record>)>,
}

/// What the kernel says of a call that a filter only logs; the mark that all before it have been read.
const LOGGED: u32 = 0x7ffc_0000;

impl Watch {
    /// Starts both. Records of the audit go to the host's network only, so this is for outside of sandboxes.
    pub(crate) fn start() -> Result<Self> {
        Ok(Self { orphans: Orphans::shared()?, audit: Mutex::new((Audit::listen()?, Vec::new())) })
    }

    /// Counts what is refused in this group, which holds no process yet.
    pub(crate) fn begin(&self, cgroup: &Cgroup) -> Result<()> {
        self.orphans.begin(cgroup.id()?)
    }

    /// What was refused in this group. `clone3` with ENOSYS is none: so a profile without it sends libc back
    /// to `clone`, where the flags can be looked at.
    pub(crate) fn denied(&self, cgroup: &Cgroup) -> Result<Vec<Denial>> {
        let mut denied = self.orphans.refused(cgroup.id()?)?;
        denied.extend(self.killed(cgroup.id()?)?);
        denied.retain(|denial| denial.syscall != "clone3" || denial.how != Refusal::Errno(ENOSYS));
        denied.sort();
        Ok(denied)
    }

    fn killed(&self, cgroup: u64) -> Result<Vec<Denial>> {
        let mut audit = self.audit.lock().unwrap_or_else(PoisonError::into_inner);
        let (audit, records) = &mut *audit;
        catch_up(audit, records)?;
        let mut killed = Vec::new();
        for record in records.iter().filter(|record| record.code != LOGGED) {
            if self.orphans.member(record.pid)? == Some(cgroup) {
                killed.push(Denial { syscall: name(record.nr), how: Refusal::Killed, count: 1 });
            }
        }
        Ok(killed)
    }
}

/// Reads all records so far: a process makes one more of its own, and those before it come before it.
fn catch_up(audit: &Audit, records: &mut Vec<Record>) -> Result<()> {
    let probe = fixtures::probe()?;
    // The kernel drops records when others make very many: then another mark is made.
    poll::until("the audit's record of a logged call", poll::SOON, || {
        let mut command = Command::new(&probe);
        let mut marker =
            process::Process::spawn(command.args(["filtered", "log", "1"]).stdout(Stdio::null()))?;
        let pid = marker.pid().as_raw().cast_unsigned();
        poll::until("the end of a process that makes a logged call", poll::SOON, || marker.ended())?;
        let is_mark = |record: &Record| record.pid == pid && record.code == LOGGED;
        let arrived = poll::until("its record", Duration::from_secs(1), || {
            records.extend(audit.read()?);
            Ok(records.iter().any(is_mark).then_some(()))
        });
        Ok(arrived.ok())
    })
}

/// `ENOSYS` of include/uapi/asm-generic/errno.h.
const ENOSYS: u32 = 38;

fn name(nr: u32) -> String {
    let nr = u16::try_from(nr).ok().and_then(SyscallNr::new);
    nr.map_or_else(|| "outside of the table".to_owned(), |nr| syscalls::display_name(Arch::NATIVE, nr))
}

impl fmt::Display for Denial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.how {
            Refusal::Errno(errno) => write!(formatter, "{} × {} (errno {errno})", self.count, self.syscall),
            Refusal::Killed => write!(formatter, "{} × {} (killed)", self.count, self.syscall),
        }
    }
}

/// Fails, and lists them, unless no call ended a process of this group.
pub(crate) fn none_killed(watch: &Watch, cgroup: &Cgroup) -> Result<()> {
    let killed: Vec<_> =
        watch.denied(cgroup)?.into_iter().filter(|denial| denial.how == Refusal::Killed).collect();
    ensure!(killed.is_empty(), "killed: {killed:?}");
    Ok(())
}

/// Fails, and lists them, unless nothing was refused in this group.
pub(crate) fn none(watch: &Watch, cgroup: &Cgroup) -> Result<()> {
    let denied = watch.denied(cgroup).context("counting what was refused")?;
    let listed: Vec<String> = denied.iter().map(ToString::to_string).collect();
    ensure!(listed.is_empty(), "refused: {}", listed.join(", "));
    Ok(())
}
