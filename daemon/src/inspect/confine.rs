//! What a worker gives up before it reads anything: for good, and all of it or it does not begin.
//!
//! It stays root where the daemon is: without capabilities and without a call that opens, signals or traces, that is
//! worth nothing, while as somebody else it could be killed by everybody who is the same somebody.

use std::fs;
use std::io;
use std::process;

use libseccomp::error::SeccompError;
use libseccomp::{ScmpAction, ScmpArgCompare, ScmpCompareOp, ScmpFilterContext, ScmpSyscall};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use thiserror::Error;

use super::Pace;
use super::protocol::MOST_FILES;
use crate::sys;

/// Why a worker must not begin.
#[derive(Debug, Error)]
pub enum ConfineError {
    /// A call failed.
    #[error("cannot {doing}")]
    System {
        /// What it was to do.
        doing: &'static str,
        /// The kernel's word.
        #[source]
        source: io::Error,
    },
    /// The filter can't be built or put into force.
    #[error("cannot put its seccomp filter into force")]
    Filter(#[source] SeccompError),
}

/// The socket is standard input; standard output and error lead nowhere.
const SOCKET: u64 = 0;
const ERRORS: u64 = 2;
/// What any worker may have at most of each resource.
const LIMITS: &[(Resource, u64)] = &[
    // Three standard ones, the files, and one that was sent too much.
    (Resource::RLIMIT_NOFILE, 3 + MOST_FILES as u64 + 1),
    (Resource::RLIMIT_FSIZE, 0),
    (Resource::RLIMIT_CORE, 0),
    (Resource::RLIMIT_MEMLOCK, 0),
];
/// What one that somebody waits for may have.
const LIMITS_OF_PROMPT: &[(Resource, u64)] = &[
    // Describing a file takes some MiB, whatever the file.
    (Resource::RLIMIT_AS, 256 << 20),
    // Over its whole life, in seconds. A file takes well below a millisecond; the daemon's patience is for each.
    (Resource::RLIMIT_CPU, 60),
];
/// What one that scans may have.
const LIMITS_OF_IDLE: &[(Resource, u64)] = &[
    // With the program itself, which is mapped.
    (Resource::RLIMIT_AS, 1 << 30),
    // Of its own: half of what a large program's file has.
    (Resource::RLIMIT_DATA, 256 << 20),
    // It is for one program, which takes a fraction of a second.
    (Resource::RLIMIT_CPU, 5),
];
/// Killed first where memory is short: another one is started.
const OOM_SCORE: &str = "500";

/// Gives everything up. Where it fails, the process must end.
pub(super) fn confine(pace: Pace) -> Result<(), ConfineError> {
    system("close what it inherited", sys::close_from(3))?;
    // Who stops the daemon's unit signals all of it; the daemon still has files to read then, and closing the socket ends this.
    system("block signals", ended_by_the_socket().thread_block().map_err(io::Error::from))?;
    system("offer itself to the OOM killer", fs::write("/proc/self/oom_score_adj", OOM_SCORE))?;
    let more = match pace {
        Pace::Prompt => LIMITS_OF_PROMPT,
        Pace::Idle => LIMITS_OF_IDLE,
    };
    if pace == Pace::Idle {
        // No privilege: where it is forbidden to ask for less, it is done without.
        let _ = sys::give_way();
    }
    for (resource, most) in LIMITS.iter().chain(more) {
        system("limit its resources", setrlimit(*resource, *most, *most).map_err(io::Error::from))?;
    }
    system("close itself to tracing", prctl::set_dumpable(false).map_err(io::Error::from))?;
    system("set no_new_privs", prctl::set_no_new_privs().map_err(io::Error::from))?;
    system("drop its capabilities", sys::drop_capabilities())?;
    let filter = filter().map_err(ConfineError::Filter)?;
    filter.load().map_err(ConfineError::Filter)
}

fn system(doing: &'static str, done: io::Result<()>) -> Result<(), ConfineError> {
    done.map_err(|source| ConfineError::System { doing, source })
}

fn ended_by_the_socket() -> SigSet {
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2]
        .into_iter()
        .collect()
}

/// Calls that can't reach anything but what it has. Memory that can be executed is not among it.
const ALLOWED: &[&[&str]] = &[
    // The files, which are open, and requests.
    &["read", "pread64", "lseek", "close", "fstat"],
    // Memory.
    &["brk", "munmap", "mremap", "madvise"],
    // Locks of the allocator and of standard input and output.
    &["futex", "sched_yield"],
    // Where the vDSO does not answer, and for the keys of hash tables.
    &["clock_gettime", "getrandom"],
    // A stack overflow, a panic, abort(3): it ends, and its status is to say by what.
    &["rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "getpid", "gettid"],
    // After a SIGSTOP and SIGCONT.
    &["restart_syscall"],
    &["exit", "exit_group"],
];

/// Kills the process at any other call, and at one by another ABI.
fn filter() -> Result<ScmpFilterContext, SeccompError> {
    let mut filter = ScmpFilterContext::new(ScmpAction::KillProcess)?;
    filter.set_act_badarch(ScmpAction::KillProcess)?;
    for name in ALLOWED.iter().copied().flatten() {
        filter.add_rule(ScmpAction::Allow, ScmpSyscall::from_name(name)?)?;
    }
    let itself = u64::from(process::id());
    for (name, argument, value) in [
        ("recvmsg", 0, equal(SOCKET)),
        ("write", 0, equal(SOCKET)),
        // What a panic says, which nobody reads.
        ("write", 0, equal(ERRORS)),
        // A build with assertions asks before it closes a descriptor whether it is open.
        ("fcntl", 1, equal(u64::from(libc::F_GETFD.unsigned_abs()))),
        ("mmap", 2, without(libc::PROT_EXEC)),
        ("mprotect", 2, without(libc::PROT_EXEC)),
        ("tgkill", 0, equal(itself)),
    ] {
        let comparison = ScmpArgCompare::new(argument, value.0, value.1);
        filter.add_rule_conditional(ScmpAction::Allow, ScmpSyscall::from_name(name)?, &[comparison])?;
    }
    Ok(filter)
}

fn equal(value: u64) -> (ScmpCompareOp, u64) {
    (ScmpCompareOp::Equal, value)
}

fn without(bit: i32) -> (ScmpCompareOp, u64) {
    (ScmpCompareOp::MaskedEqual(u64::from(bit.unsigned_abs())), 0)
}
