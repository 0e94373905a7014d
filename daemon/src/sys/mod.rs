//! The few system calls that std has no safe call for.
#![expect(unsafe_code, reason = "system calls; each one says why it is sound")]

mod ask;
mod filter;

use std::ffi::CString;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Seek, SeekFrom, Write};
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{self, Command};
use std::ptr;
use std::time::Duration;

use tokio::io::unix::AsyncFd;

pub(crate) use ask::{Answer, Call, Entry, ask};
pub(crate) use filter::{ExecFailure, exec_under_filter, filters_of};

/// `CLOCK_MONOTONIC`, the clock of the kernel's events.
pub(crate) fn monotonic_now() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one `timespec` that lives on our stack.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// A descriptor that means this very process, however its id is used later (`pidfd_open(2)`). It becomes
/// readable when the process ends.
pub(crate) fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    owned(fd)
}

/// Whether the process behind a descriptor still runs: one that has ended, reaped or not, makes it readable.
pub(crate) fn pidfd_is_alive(pidfd: &OwnedFd) -> bool {
    let mut asked = libc::pollfd { fd: pidfd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one `pollfd` that lives on our stack.
    unsafe { libc::poll(&raw mut asked, 1, 0) == 0 }
}

/// Sends a signal to the process behind a descriptor.
pub(crate) fn pidfd_signal(pidfd: &OwnedFd, signal: i32) -> io::Result<()> {
    let no_info = ptr::null::<libc::siginfo_t>();
    // SAFETY: a null `siginfo_t` is allowed and stands for that of kill(2).
    checked(unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, no_info, 0) })
}

/// The signals that people and service managers send, read one by one instead of ending us (`signalfd(2)`).
#[derive(Debug)]
pub(crate) struct SignalSource(OwnedFd);

/// A signal that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signal {
    pub(crate) number: i32,
    /// Sent by the kernel, as for Ctrl-C: then it went to the whole foreground process group.
    pub(crate) from_terminal: bool,
}

impl Signal {
    /// Whether it asks us to end, and is not only meant for a command.
    pub(crate) fn asks_to_end(self) -> bool {
        [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT].contains(&self.number)
    }
}

impl SignalSource {
    /// Takes the signals over for this thread and those that it starts later.
    pub(crate) fn new() -> io::Result<Self> {
        let set = signal_set(&[
            libc::SIGINT,
            libc::SIGTERM,
            libc::SIGHUP,
            libc::SIGQUIT,
            libc::SIGUSR1,
            libc::SIGUSR2,
            libc::SIGALRM,
        ]);
        // SAFETY: reads a whole signal set; the old one is not asked for.
        checked(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) }.into())?;
        // SAFETY: reads a whole signal set.
        owned(unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) }.into())
            .map(Self)
    }

    /// Reads one signal, or fails with `WouldBlock`.
    pub(crate) fn read(&self) -> io::Result<Signal> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: writes at most `size` bytes, which is what the buffer has.
        let read = unsafe { libc::read(self.0.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        checked(read as libc::c_long)?;
        // SAFETY: a signalfd gives whole records or an error.
        let info = unsafe { info.assume_init() };
        let number = i32::try_from(info.ssi_signo).unwrap_or(0);
        Ok(Signal { number, from_terminal: info.ssi_code == libc::SI_KERNEL })
    }
}

impl AsFd for SignalSource {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The group of a name, as the system's name services have it (`getgrnam_r(3)`).
pub(crate) fn group_id(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    let mut entry = MaybeUninit::<libc::group>::uninit();
    let mut buffer = vec![0; 16 * 1024];
    let mut found = ptr::null_mut();
    // SAFETY: every pointer is to memory of ours that lives through the call, and the length is the buffer's.
    let failed = unsafe {
        libc::getgrnam_r(name.as_ptr(), entry.as_mut_ptr(), buffer.as_mut_ptr(), buffer.len(), &raw mut found)
    };
    // SAFETY: where it succeeded and found something, it has filled the whole entry.
    (failed == 0 && !found.is_null()).then(|| unsafe { entry.assume_init() }.gr_gid)
}

/// The supplementary groups of the other end of a socket (`SO_PEERGROUPS`, Linux 4.13).
pub(crate) fn peer_groups(socket: &impl AsFd) -> io::Result<Vec<u32>> {
    // The kernel's own bound: `NGROUPS_MAX`, `include/uapi/linux/limits.h`, Linux 6.12.
    let mut groups = vec![0_u32; 65_536];
    let mut length = libc::socklen_t::try_from(size_of_val(&groups[..])).map_err(io::Error::other)?;
    // SAFETY: writes at most `length` bytes into the vector, and the length into `length`.
    checked(libc::c_long::from(unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERGROUPS,
            groups.as_mut_ptr().cast(),
            &raw mut length,
        )
    }))?;
    groups.truncate(usize::try_from(length).unwrap_or(0) / size_of::<u32>());
    Ok(groups)
}

/// Gives memory that was freed back to the system: loading the programs takes tens of megabytes once. Only
/// glibc keeps it otherwise.
pub(crate) fn return_freed_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no pointers; `malloc_trim(3)` may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Lets the event loop wait for a descriptor.
pub(crate) fn awaitable(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor is owned by the result, so it stays open as long as it is registered.
    Ok(unsafe { AsyncFd::register(fd) }?)
}

/// Lets a command's process say its id and wait for one byte before it executes anything, with every signal
/// let through again.
/// `go`, the other end of `wait`, is closed there: if we end, so does the wait.
pub(crate) fn wait_before_exec(command: &mut Command, mut tell: PipeWriter, mut wait: PipeReader, go: RawFd) {
    let none = signal_set(&[]);
    let hold = move || {
        // SAFETY: the child's own copy, which nothing there uses.
        checked(unsafe { libc::close(go) }.into())?;
        // SAFETY: reads a whole signal set; the old one is not asked for.
        checked(unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut()) }.into())?;
        tell.write_all(&process::id().to_ne_bytes())?;
        wait.read_exact(&mut [0])
    };
    // SAFETY: between fork and exec: only async-signal-safe calls, on values that were made before.
    unsafe { command.pre_exec(hold) };
}

/// Standard input. Nobody else may own it.
pub(crate) fn standard_input() -> OwnedFd {
    received(libc::STDIN_FILENO)
}

/// A descriptor that came with a message. Nobody else may own it.
pub(crate) fn received(descriptor: RawFd) -> OwnedFd {
    // SAFETY: the callers are the one place that knows of it: it is a process's standard input, taken over once, or was
    // made by the kernel for the message.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

/// Closes this descriptor and all above it (`close_range(2)`, Linux 5.9).
pub(crate) fn close_from(first: libc::c_uint) -> io::Result<()> {
    // SAFETY: for a process that has opened nothing yet, so that nothing owns any of them.
    checked(unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) })
}

/// Has this process give way to others (`setpriority(2)`): it gets 15 parts where they get 1024 each, and more than
/// nothing even if they leave nothing.
pub(crate) fn give_way() -> io::Result<()> {
    // SAFETY: no pointers.
    checked(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) }.into())
}

/// A file in memory, only to be read. Whoever shortens it meanwhile ends this process when it reads on.
#[derive(Debug)]
pub(crate) struct FileMapping {
    start: *mut libc::c_void,
    length: usize,
}

impl FileMapping {
    /// Maps a whole file, whose place to read on is at its end then: a worker can seek, but ask for no metadata.
    pub(crate) fn of(mut file: &File) -> io::Result<Self> {
        let length = usize::try_from(file.seek(SeekFrom::End(0))?).map_err(io::Error::other)?;
        let (how, which) = (libc::PROT_READ, libc::MAP_PRIVATE);
        // SAFETY: a new mapping, at a place that the kernel chooses.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, how, which, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(Self { start, length }) }
    }
}

impl Deref for FileMapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: so many bytes are mapped for as long as this value lives. Others may write to the file: then the
        // bytes change under whoever reads them, which may mislead it, as a damaged file would.
        unsafe { std::slice::from_raw_parts(self.start.cast(), self.length) }
    }
}

impl Drop for FileMapping {
    fn drop(&mut self) {
        // SAFETY: nothing that was borrowed from it lives on.
        unsafe { libc::munmap(self.start, self.length) };
    }
}

/// `struct __user_cap_header_struct`, `include/uapi/linux/capability.h`, Linux 6.12.
#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: i32,
}

/// `_LINUX_CAPABILITY_VERSION_3`: two words for each of three sets.
const CAPABILITY_VERSION: u32 = 0x2008_0522;
const CAPABILITY_WORDS: usize = 6;

/// Gives up every capability for good: effective, permitted, inheritable and ambient ones, and those that could be
/// gained by an exec where the system lets that be said.
pub(crate) fn drop_capabilities() -> io::Result<()> {
    let clear_ambient = libc::PR_CAP_AMBIENT_CLEAR_ALL;
    // SAFETY: no pointers.
    checked(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, clear_ambient, 0, 0, 0) }.into())?;
    for capability in 0..64 {
        // SAFETY: no pointers.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) } < 0 {
            // Either that was the last one, or CAP_SETPCAP is missing: after no_new_privs no exec gains any.
            break;
        }
    }
    let header = CapabilityHeader { version: CAPABILITY_VERSION, pid: 0 };
    let none = [0_u32; CAPABILITY_WORDS];
    // SAFETY: reads a whole header and as many words as its version has.
    checked(unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) })
}

/// How many columns a terminal has; nothing where it is none, or does not say.
pub(crate) fn terminal_columns(terminal: BorrowedFd<'_>) -> Option<u16> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: writes one `winsize` that lives on our stack.
    let result = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    checked(result.into()).ok().map(|()| size.ws_col).filter(|columns| *columns > 0)
}

fn signal_set(signals: &[i32]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` initialises the whole set before anything reads it.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}

fn checked(result: libc::c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn owned(fd: libc::c_long) -> io::Result<OwnedFd> {
    checked(fd)?;
    // SAFETY: the kernel just made this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(RawFd::try_from(fd).map_err(io::Error::other)?) })
}
