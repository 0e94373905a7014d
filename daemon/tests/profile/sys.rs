//! One call in a child process under a filter. A child of a process with threads may only make system calls
//! (signal-safety(7)), and this one does nothing else.

#![expect(unsafe_code, reason = "a filter is loaded into a forked child, which no safe interface offers")]

use std::io;

/// How a call under a filter ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It worked, or at least was let through to the kernel without an error.
    Worked,
    /// It failed with this error.
    Errno(i32),
    /// The process was killed by this signal.
    Killed(i32),
}

/// How the call enters the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// As every program of this machine does.
    Native,
    /// By the 32-bit gate, `int 0x80`.
    #[cfg(target_arch = "x86_64")]
    Int80,
}

/// The child's own trouble, told by an exit status that no error has.
const NOT_LOADED: i32 = 254;

/// Makes one call under a filter, in a child of its own.
pub(crate) fn under(program: &[u8], entry: Entry, call: [u64; 7]) -> Outcome {
    let mut filter: Vec<libc::sock_filter> = program.chunks_exact(8).map(instruction).collect();
    let length = u16::try_from(filter.len()).expect("a program that the kernel takes");
    let program = libc::sock_fprog { len: length, filter: filter.as_mut_ptr() };
    // SAFETY: between fork and _exit the child makes system calls only: it takes no lock and no memory.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork: {}", io::Error::last_os_error());
    if child == 0 {
        let status = in_child(&program, entry, call);
        // SAFETY: it ends the process, and runs nothing of the parent's.
        unsafe { libc::_exit(status) }
    }
    outcome(wait(child))
}

fn instruction(bytes: &[u8]) -> libc::sock_filter {
    let half = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
    let word = u32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    libc::sock_filter { code: half(0), jt: bytes[2], jf: bytes[3], k: word }
}

/// Loads the filter as an unprivileged program may (seccomp(2)) and makes the call. The exit status is the
/// error, or 0.
fn in_child(program: &libc::sock_fprog, entry: Entry, call: [u64; 7]) -> i32 {
    // SAFETY: prctl and seccomp read `program`, which outlives them, and change this process alone. The call
    // gets the caller's numbers; the tests pass no pointer that the kernel would write to.
    unsafe {
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 {
            return NOT_LOADED;
        }
        let mode = libc::SECCOMP_SET_MODE_FILTER;
        if libc::syscall(libc::SYS_seccomp, mode, 0, std::ptr::from_ref(program)) != 0 {
            return NOT_LOADED;
        }
        match entry {
            Entry::Native => native(call),
            #[cfg(target_arch = "x86_64")]
            Entry::Int80 => int80(call[0]),
        }
    }
}

unsafe fn native([nr, rest @ ..]: [u64; 7]) -> i32 {
    // SAFETY: the caller answers for the arguments.
    let result =
        unsafe { libc::syscall(nr.cast_signed(), rest[0], rest[1], rest[2], rest[3], rest[4], rest[5]) };
    // SAFETY: errno belongs to this thread, the only one of the child.
    if result < 0 { unsafe { *libc::__errno_location() } } else { 0 }
}

#[cfg(target_arch = "x86_64")]
unsafe fn int80(nr: u64) -> i32 {
    let result: i64;
    // SAFETY: the gate keeps every register but rax (arch/x86/entry/entry_64_compat.S).
    unsafe { std::arch::asm!("int 0x80", inlateout("rax") nr.cast_signed() => result) };
    i32::try_from(-result.min(0)).unwrap_or(NOT_LOADED)
}

fn wait(child: i32) -> i32 {
    let mut status = 0;
    // SAFETY: waitpid writes to `status`, which outlives it.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child, "waitpid: {}", io::Error::last_os_error());
    status
}

fn outcome(status: i32) -> Outcome {
    if libc::WIFSIGNALED(status) {
        return Outcome::Killed(libc::WTERMSIG(status));
    }
    match libc::WEXITSTATUS(status) {
        0 => Outcome::Worked,
        NOT_LOADED => panic!("the kernel did not take the filter"),
        errno => Outcome::Errno(errno),
    }
}
