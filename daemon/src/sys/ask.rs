//! What a filter answers to calls, none of which is made.
//!
//! A child puts two filters into force: first one that refuses everything with an error number that nobody uses, then
//! the one that is asked. The kernel takes the strictest answer, and of two errors the newer filter's (seccomp(2)): a
//! call that the asked one lets through fails with that number, so it is never made, whatever it is.

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

use super::checked;
use super::filter::Program;

/// A call as a process makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) entry: Entry,
    pub(crate) number: u32,
    pub(crate) arguments: [u64; 6],
}

/// How a call enters the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// As every program of this machine does.
    Native,
    /// By the 32-bit gate, `int 0x80`.
    #[cfg(target_arch = "x86_64")]
    Int80,
}

/// What a filter does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is made, or logged and made.
    Made,
    /// It fails with this error.
    Errno(i32),
    /// The process is killed.
    Killed,
}

/// The error of calls that the asked filter lets through: within the kernel's bound (4095), and nobody's.
const LET_THROUGH: i32 = 4093;
/// The longest that all calls may take: a child is there for some microseconds, and a new one is needed for each call
/// that kills.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often is looked whether a child is done.
const PAUSE: Duration = Duration::from_micros(50);
/// Calls that are asked about at once.
const MOST_CALLS: usize = 8192;

/// What a child has got to, in memory that it shares with us.
#[repr(C)]
struct Progress {
    state: AtomicI32,
    /// How many calls have an answer.
    answered: AtomicUsize,
    /// The error of each.
    errors: [AtomicI32; MOST_CALLS],
}

const AT_WORK: i32 = 0;
const DONE: i32 = -1;

/// What a filter (an array of `struct sock_filter`) does with each of these calls.
pub(crate) fn ask(filter: &[u8], calls: &[Call]) -> io::Result<Vec<Answer>> {
    if calls.len() > MOST_CALLS {
        return Err(io::Error::other("too many calls to ask about at once"));
    }
    let (guard, asked) = (guard(), Program::new(filter));
    let progress = Shared::new()?;
    let until = Instant::now() + PATIENCE;
    let mut answers = Vec::with_capacity(calls.len());
    while answers.len() < calls.len() {
        let rest = &calls[answers.len()..];
        progress.state.store(AT_WORK, Ordering::SeqCst);
        progress.answered.store(0, Ordering::SeqCst);
        // SAFETY: between fork and its end the child makes system calls only: it takes no lock and no memory.
        let end = match unsafe { fork() }? {
            ForkResult::Child => in_child(&guard, &asked, rest, &progress),
            ForkResult::Parent { child } => wait(child, &progress, until)?,
        };
        let answered = progress.answered.load(Ordering::SeqCst);
        for error in &progress.errors[..answered] {
            answers.push(answer(error.load(Ordering::SeqCst))?);
        }
        match end {
            End::Done => {}
            End::Killed => answers.push(Answer::Killed),
        }
    }
    Ok(answers)
}

fn answer(error: i32) -> io::Result<Answer> {
    match error {
        0 => Err(io::Error::other("a call was made although nothing lets any through")),
        LET_THROUGH => Ok(Answer::Made),
        error => Ok(Answer::Errno(error)),
    }
}

/// Refuses everything but the loading of the filter that is asked.
fn guard() -> Program {
    let one = |code: u32, jt, jf, k| libc::sock_filter { code: u16::try_from(code).unwrap_or(0), jt, jf, k };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let is = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    // `struct seccomp_data`: the number is at 0, the lower half of the first argument at 16.
    Program::of(vec![
        one(load, 0, 0, 0),
        one(is, 0, 3, u32::try_from(libc::SYS_seccomp).unwrap_or(0)),
        one(load, 0, 0, 16),
        one(is, 0, 1, libc::SECCOMP_SET_MODE_FILTER),
        one(libc::BPF_RET, 0, 0, libc::SECCOMP_RET_ALLOW),
        one(libc::BPF_RET, 0, 0, libc::SECCOMP_RET_ERRNO | LET_THROUGH.unsigned_abs()),
    ])
}

/// Never comes back: it can't end by itself under the guard, so it waits to be killed.
fn in_child(guard: &Program, asked: &Program, calls: &[Call], progress: &Progress) -> ! {
    let state = match begin(guard, asked) {
        Ok(()) => {
            for (index, call) in calls.iter().enumerate() {
                progress.errors[index].store(make(call), Ordering::SeqCst);
                progress.answered.store(index + 1, Ordering::SeqCst);
            }
            DONE
        }
        Err(error) => error.raw_os_error().unwrap_or(libc::EPROTO),
    };
    progress.state.store(state, Ordering::SeqCst);
    loop {
        std::hint::spin_loop();
    }
}

fn begin(guard: &Program, asked: &Program) -> io::Result<()> {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: reads one `rlimit`; the others have no pointers.
    unsafe {
        checked(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0).into())?;
        checked(libc::setrlimit(libc::RLIMIT_CORE, &raw const none).into())?;
        checked(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0).into())?;
    }
    guard.load(0)?;
    // Nothing is asked unless the guard holds: the calls would be made.
    // SAFETY: no pointers; it never fails by itself.
    let refused = unsafe { libc::syscall(libc::SYS_getppid) } < 0;
    if !refused || io::Error::last_os_error().raw_os_error() != Some(LET_THROUGH) {
        return Err(io::Error::from_raw_os_error(libc::EPROTO));
    }
    asked.load(0)
}

/// Makes a call; its error, or 0.
fn make(call: &Call) -> i32 {
    match call.entry {
        Entry::Native => {
            let (number, with) = (libc::c_long::from(call.number), call.arguments);
            // SAFETY: the guard is in force, under which nothing is made but the loading of a filter.
            let result =
                unsafe { libc::syscall(number, with[0], with[1], with[2], with[3], with[4], with[5]) };
            if result < 0 { io::Error::last_os_error().raw_os_error().unwrap_or(0) } else { 0 }
        }
        #[cfg(target_arch = "x86_64")]
        Entry::Int80 => {
            let result: i64;
            // SAFETY: as above; the gate keeps every register but rax (arch/x86/entry/entry_64_compat.S).
            unsafe { std::arch::asm!("int 0x80", inlateout("rax") i64::from(call.number) => result) };
            i32::try_from(-result.min(0)).unwrap_or(0)
        }
    }
}

enum End {
    /// It has asked about everything.
    Done,
    /// The call behind the last answer killed it.
    Killed,
}

fn wait(child: Pid, progress: &Progress, until: Instant) -> io::Result<End> {
    loop {
        let state = progress.state.load(Ordering::SeqCst);
        if state != AT_WORK || Instant::now() > until {
            kill(child, Signal::SIGKILL)?;
            waitpid(child, None)?;
            return match state {
                DONE => Ok(End::Done),
                AT_WORK => Err(io::ErrorKind::TimedOut.into()),
                error => Err(io::Error::from_raw_os_error(error)),
            };
        }
        match waitpid(child, Some(WaitPidFlag::WNOHANG))? {
            WaitStatus::StillAlive => thread::sleep(PAUSE),
            WaitStatus::Signaled(_, Signal::SIGSYS, _) => return Ok(End::Killed),
            other => return Err(io::Error::other(format!("the process that asks ended: {other:?}"))),
        }
    }
}

/// A [`Progress`] that children share.
struct Shared(ptr::NonNull<Progress>);

impl Shared {
    fn new() -> io::Result<Self> {
        let (how, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping, at a place that the kernel chooses.
        let start = unsafe { libc::mmap(ptr::null_mut(), size_of::<Progress>(), how, kind, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        ptr::NonNull::new(start.cast()).map(Self).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }
}

impl std::ops::Deref for Shared {
    type Target = Progress;

    fn deref(&self) -> &Progress {
        // SAFETY: it is mapped for as long as this value lives; zeroes are a whole `Progress`, all of it is atomic.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: nothing that was borrowed from it lives on.
        unsafe { libc::munmap(self.0.as_ptr().cast(), size_of::<Progress>()) };
    }
}
