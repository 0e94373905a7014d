//! What the worker has not, and what the kernel does when it asks all the same.

use std::fs;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::support::{begun, status};

/// Check that a worker has no capability of any set, can't get one, is filtered, and holds nothing but its socket.
#[test]
fn it_has_no_privileges() {
    let (_inspector, worker) = begun();
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb", "CapBnd"] {
        assert_eq!(u64::from_str_radix(&status(worker, set), 16), Ok(0), "{set}");
    }
    let [privileges, filtered] = ["NoNewPrivs", "Seccomp"].map(|field| status(worker, field));
    assert_eq!((privileges.as_str(), filtered.as_str()), ("1", "2"));
    let open = fs::read_dir(format!("/proc/{worker}/fd")).unwrap().map(|entry| entry.unwrap().path());
    let open: Vec<_> = open.map(|fd| fs::read_link(fd).unwrap().display().to_string()).collect();
    let is_socket = |name: &&String| name.starts_with("socket:");
    assert_eq!((open.len(), open.iter().filter(is_socket).count()), (3, 1), "{open:?}");
    assert!(open.iter().filter(|name| !is_socket(name)).all(|name| name == "/dev/null"), "{open:?}");
    assert_eq!(fs::read(format!("/proc/{worker}/environ")).unwrap(), b"");
}

/// Check the limits that the kernel has for it.
#[test]
fn it_is_limited() {
    let (_inspector, worker) = begun();
    let limits = fs::read_to_string(format!("/proc/{worker}/limits")).unwrap();
    for (name, most) in [
        ("Max address space", "268435456"),
        ("Max cpu time", "60"),
        ("Max file size", "0"),
        ("Max core file size", "0"),
        ("Max open files", "29"),
    ] {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let both: Vec<_> = line.split_whitespace().take(2).collect();
        assert_eq!(both, [most, most], "{name}");
    }
}

/// What came of a call.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Returned(i64),
    Killed(Signal),
}

/// Has a worker that waits for a request make another call instead.
#[cfg(target_arch = "x86_64")]
fn call(nr: i64, arguments: [u64; 4]) -> Outcome {
    /// Of `syscall`, in bytes.
    const INSTRUCTION: u64 = 2;
    let (inspector, worker) = begun();
    ptrace::attach(worker).unwrap();
    assert!(matches!(waitpid(worker, None), Ok(WaitStatus::Stopped(_, Signal::SIGSTOP))));
    let mut registers = ptrace::getregs(worker).unwrap();
    registers.orig_rax = u64::MAX;
    registers.rip -= INSTRUCTION;
    registers.rax = nr.cast_unsigned();
    [registers.rdi, registers.rsi, registers.rdx, registers.r10] = arguments;
    (registers.r8, registers.r9) = (u64::MAX, 0);
    ptrace::setregs(worker, registers).unwrap();
    ptrace::step(worker, None).unwrap();
    let outcome = match waitpid(worker, None).unwrap() {
        WaitStatus::Stopped(_, Signal::SIGTRAP) => {
            Outcome::Returned(ptrace::getregs(worker).unwrap().rax.cast_signed())
        }
        WaitStatus::Signaled(_, signal, _) => Outcome::Killed(signal),
        other => panic!("{other:?}"),
    };
    if let Outcome::Returned(_) = outcome {
        ptrace::kill(worker).unwrap();
        waitpid(worker, None).unwrap();
    }
    drop(inspector);
    outcome
}

/// Check that every call that reaches beyond the worker ends it: made in a real one, by its registers.
#[cfg(target_arch = "x86_64")]
#[test]
fn calls_that_reach_out_end_it() {
    const MAP: u64 = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS).cast_unsigned() as u64;
    const EXECUTABLE: u64 = (libc::PROT_READ | libc::PROT_EXEC).cast_unsigned() as u64;
    let ours = u64::from(std::process::id());
    for (what, nr, arguments) in [
        ("openat", libc::SYS_openat, [u64::MAX, 0, 0, 0]),
        ("open_by_handle_at", libc::SYS_open_by_handle_at, [0; 4]),
        ("newfstatat", libc::SYS_newfstatat, [0; 4]),
        ("socket", libc::SYS_socket, [1, 1, 0, 0]),
        ("sendmsg", libc::SYS_sendmsg, [0; 4]),
        ("execve", libc::SYS_execve, [0; 4]),
        ("clone", libc::SYS_clone, [0; 4]),
        ("kill", libc::SYS_kill, [ours, 0, 0, 0]),
        ("tgkill of another", libc::SYS_tgkill, [ours, ours, 0, 0]),
        ("ptrace", libc::SYS_ptrace, [0; 4]),
        ("process_vm_readv", libc::SYS_process_vm_readv, [0; 4]),
        ("bpf", libc::SYS_bpf, [0; 4]),
        ("prctl", libc::SYS_prctl, [0; 4]),
        ("setuid", libc::SYS_setuid, [0; 4]),
        ("prlimit64", libc::SYS_prlimit64, [0; 4]),
        ("ioctl", libc::SYS_ioctl, [0; 4]),
        ("write elsewhere", libc::SYS_write, [3, 0, 0, 0]),
        ("executable memory", libc::SYS_mmap, [0, 4096, EXECUTABLE, MAP]),
        ("memory made executable", libc::SYS_mprotect, [0, 0, EXECUTABLE, 0]),
        ("an unknown number", 999, [0; 4]),
        ("x32's getpid", 0x4000_0000 | libc::SYS_getpid, [0; 4]),
    ] {
        assert_eq!(call(nr, arguments), Outcome::Killed(Signal::SIGSYS), "{what}");
    }
}

/// Check that calls that it needs are made by the same means, and that it gets no more memory than it may.
#[cfg(target_arch = "x86_64")]
#[test]
fn calls_that_it_needs_are_made() {
    const MAP: u64 = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS).cast_unsigned() as u64;
    const DATA: u64 = (libc::PROT_READ | libc::PROT_WRITE).cast_unsigned() as u64;
    let Outcome::Returned(id) = call(libc::SYS_getpid, [0; 4]) else { panic!("getpid") };
    assert!(id > 0 && Pid::from_raw(i32::try_from(id).unwrap()) != Pid::this());
    let Outcome::Returned(address) = call(libc::SYS_mmap, [0, 64 << 20, DATA, MAP]) else { panic!("mmap") };
    assert!(address > 0, "{address}");
    let refused = Outcome::Returned(-i64::from(Errno::ENOMEM as i32));
    assert_eq!(call(libc::SYS_mmap, [0, 256 << 20, DATA, MAP]), refused, "more than all that it may have");
}
