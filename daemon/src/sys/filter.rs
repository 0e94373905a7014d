//! Filters of seccomp(2): put into force, and read from other processes.

use std::ffi::{CStr, CString};
use std::io;
use std::ptr;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use super::checked;

/// A classic BPF program, ready for the kernel.
pub(super) struct Program(Vec<libc::sock_filter>);

/// The size of a `struct sock_filter`.
const INSTRUCTION: usize = size_of::<libc::sock_filter>();

impl Program {
    /// From an array of `struct sock_filter`, as libseccomp writes it.
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(bytes.chunks_exact(INSTRUCTION).map(instruction).collect())
    }

    /// Of these instructions.
    pub(super) const fn of(instructions: Vec<libc::sock_filter>) -> Self {
        Self(instructions)
    }

    /// Puts it into force for this thread. Makes one system call and takes no memory.
    pub(super) fn load(&self, flags: libc::c_ulong) -> io::Result<()> {
        let Ok(len) = u16::try_from(self.0.len()) else { return Err(io::ErrorKind::FileTooLarge.into()) };
        let program = libc::sock_fprog { len, filter: self.0.as_ptr().cast_mut() };
        let (mode, program) = (libc::SECCOMP_SET_MODE_FILTER, &raw const program);
        // SAFETY: the kernel reads so many instructions, which live through the call.
        checked(unsafe { libc::syscall(libc::SYS_seccomp, mode, flags, program) })
    }
}

fn instruction(bytes: &[u8]) -> libc::sock_filter {
    let half = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
    let word = u32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    libc::sock_filter { code: half(0), jt: bytes[2], jf: bytes[3], k: word }
}

/// Why a process did not become another program.
#[derive(Debug)]
pub(crate) enum ExecFailure {
    /// The filter is not in force.
    Filter { doing: &'static str, source: io::Error },
    /// The filter is in force, and the program was not executed.
    Execute(io::Error),
}

/// Puts a filter into force (an array of `struct sock_filter`, as libseccomp writes it) and executes a program in this
/// process's place, with its environment. Only `execve` is called under the filter. Returns only if that failed.
///
/// For a process with one thread: others would go on without the filter until the exec ends them.
pub(crate) fn exec_under_filter(filter: &[u8], log: bool, program: &CStr, words: &[CString]) -> ExecFailure {
    let filter = Program::new(filter);
    let mut pointers: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
    pointers.push(ptr::null());
    let flags = if log { libc::SECCOMP_FILTER_FLAG_LOG } else { 0 };
    // SAFETY: the program, the words and the filter are whole, end where they say, and live through every call; the
    // environment is this process's own. A signal's disposition and no_new_privs are changed for the program's sake.
    unsafe {
        // Rust ignores SIGPIPE, which an exec would hand on.
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        if let Err(source) = checked(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0).into()) {
            return ExecFailure::Filter { doing: "set no_new_privs", source };
        }
        if let Err(source) = filter.load(flags) {
            return ExecFailure::Filter { doing: "seccomp", source };
        }
        libc::execve(program.as_ptr(), pointers.as_ptr(), environ.cast());
    }
    ExecFailure::Execute(io::Error::last_os_error())
}

unsafe extern "C" {
    /// This process's environment (`environ(7)`).
    static environ: *const *const libc::c_char;
}

/// The filters of a process, the one that was put into force last first: each as an array of `struct sock_filter`. The
/// process is stopped while they are read (`PTRACE_SECCOMP_GET_FILTER`, ptrace(2): needs `CAP_SYS_ADMIN`, no filter of
/// our own, and `CONFIG_CHECKPOINT_RESTORE`).
pub(crate) fn filters_of(pid: u32) -> io::Result<Vec<Vec<u8>>> {
    let pid = Pid::from_raw(i32::try_from(pid).map_err(io::Error::other)?);
    ptrace::seize(pid, ptrace::Options::empty())?;
    let read = ptrace::interrupt(pid).map_err(io::Error::from).and_then(|()| {
        waitpid(pid, Some(WaitPidFlag::__WALL))?;
        (0..).map_while(|index| filter_of(pid, index).transpose()).collect()
    });
    // One that has ended meanwhile is not attached to any more.
    let detached = ptrace::detach(pid, None);
    let filters = read?;
    detached?;
    Ok(filters)
}

/// `include/uapi/linux/ptrace.h`, Linux 4.4.
const PTRACE_SECCOMP_GET_FILTER: libc::c_uint = 0x420c;

/// One filter; nothing behind the last.
fn filter_of(pid: Pid, index: libc::c_ulong) -> io::Result<Option<Vec<u8>>> {
    let request = |into: *mut libc::c_void| {
        // SAFETY: without a place the kernel only counts; with one it writes as many instructions as it counted, and
        // the filters of a stopped process do not change.
        let count = unsafe { libc::ptrace(PTRACE_SECCOMP_GET_FILTER, pid.as_raw(), index, into) };
        usize::try_from(count).map_err(|_| Errno::last())
    };
    match request(ptr::null_mut()) {
        Ok(count) => {
            let mut bytes = vec![0; count * INSTRUCTION];
            request(bytes.as_mut_ptr().cast())?;
            Ok(Some(bytes))
        }
        // Behind the last one, and of a process that has none.
        Err(Errno::ENOENT | Errno::EINVAL) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
