//! Starts a program under a filter, in a setting, and tells how it ended.

#![expect(unsafe_code, reason = "fork, ptrace and seccomp have no call in std")]

use std::{
    fmt,
    fs::{self, File},
    io,
    os::unix::{fs::FileExt as _, process::CommandExt as _, process::ExitStatusExt as _},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::filter::Filter;

/// Nothing here takes longer, unless it hangs.
const LIMIT: Duration = Duration::from_secs(40);

/// What the program finds around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// What the test itself has.
    Plain,
    /// A cgroup with a limit on processors, set or not; a test that finds none is skipped.
    ProcessorLimit,
    /// No vDSO, as on a host whose clock source it cannot read, or with `vdso=0`.
    WithoutVdso,
    /// A soft limit of open files below the hard one, as systemd gives (`DefaultLimitNOFILE=1024:524288`).
    LowFileLimit,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) status: ExitStatus,
    stderr: String,
}

impl Ending {
    /// Whether a filter killed it.
    pub(crate) fn is_killed_by_filter(&self) -> bool {
        self.status.signal() == Some(libc::SIGSYS)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.stderr.trim())
    }
}

/// Runs a program to its end.
pub(crate) fn run(command: Command, filter: Option<&Filter>, setting: Setting) -> Ending {
    let child = start(command, filter, setting);
    finish(child)
}

/// Starts a program: filter and setting are in place before its first instruction.
pub(crate) fn start(mut command: Command, filter: Option<&Filter>, setting: Setting) -> Child {
    let program = filter.map(|filter| filter.instructions().to_vec());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    // SAFETY: between fork and exec only system calls are made, on memory that the closure owns: nothing
    // allocates, locks or panics.
    unsafe { command.pre_exec(move || prepare(program.as_deref(), setting)) };
    let child = command.spawn().unwrap();
    if setting == Setting::WithoutVdso {
        hide_vdso(pid(&child));
    }
    child
}

/// Waits for the end; a program that hangs is killed.
pub(crate) fn finish(child: Child) -> Ending {
    let (ended, watched) = mpsc::channel::<()>();
    let pid = pid(&child);
    let watchdog = thread::spawn(move || {
        if watched.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
            send(pid, libc::SIGKILL);
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(ended);
    watchdog.join().unwrap();
    Ending { status: output.status, stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
}

/// Sends a signal to a child that was not waited for.
pub(crate) fn send(pid: libc::pid_t, signal: libc::c_int) {
    // SAFETY: kill(2) reads no memory.
    let result = unsafe { libc::kill(pid, signal) };
    assert_eq!(result, 0, "sending signal {signal}: {}", io::Error::last_os_error());
}

/// Waits until a child has stopped or ended, and tells the raw status of wait(2).
pub(crate) fn wait_for_stop(pid: libc::pid_t) -> libc::c_int {
    let mut status = 0;
    // SAFETY: waitpid(2) writes the status to the variable that it is given.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, libc::WUNTRACED) };
    assert_eq!(waited, pid, "waiting for a child: {}", io::Error::last_os_error());
    status
}

/// The child's number as the kernel's interfaces take it.
pub(crate) fn pid(child: &Child) -> libc::pid_t {
    libc::pid_t::try_from(child.id()).unwrap()
}

/// In the new process, before exec: no core files, the setting, and last the filter.
fn prepare(filter: Option<&[libc::sock_filter]>, setting: Setting) -> io::Result<()> {
    limit(libc::RLIMIT_CORE, |_| 0)?;
    match setting {
        Setting::Plain | Setting::ProcessorLimit => {}
        Setting::WithoutVdso => trace_me()?,
        Setting::LowFileLimit => limit(libc::RLIMIT_NOFILE, |hard| hard.min(1024) - 1)?,
    }
    filter.map_or(Ok(()), install)
}

/// Sets a soft limit, from the hard one.
fn limit(resource: libc::__rlimit_resource_t, soft: fn(libc::rlim_t) -> libc::rlim_t) -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls use only the structure that they are given.
    check(unsafe { libc::getrlimit(resource, &raw mut limit) }.into())?;
    limit.rlim_cur = soft(limit.rlim_max);
    // SAFETY: as above.
    check(unsafe { libc::setrlimit(resource, &raw const limit) }.into())
}

fn trace_me() -> io::Result<()> {
    // SAFETY: this request takes no further arguments.
    check(unsafe { libc::ptrace(libc::PTRACE_TRACEME) })
}

fn install(instructions: &[libc::sock_filter]) -> io::Result<()> {
    let len = instructions.len().try_into().map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let program = libc::sock_fprog { len, filter: instructions.as_ptr().cast_mut() };
    // SAFETY: this option takes numbers only.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }.into())?;
    // SAFETY: the kernel copies the program, which lives until the call has returned.
    check(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) })
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Takes the vDSO out of the auxiliary vector of a process that has stopped in exec, and lets it go: libc
/// and the Go runtime find the vDSO there and nowhere else (`getauxval(3)`).
fn hide_vdso(pid: libc::pid_t) {
    let status = wait_for_stop(pid);
    assert!(libc::WIFSTOPPED(status), "the program ended in exec: status {status:#x}");
    let memory = File::options().read(true).write(true).open(format!("/proc/{pid}/mem")).unwrap();
    let word = |address| {
        let mut bytes = [0; 8];
        memory.read_exact_at(&mut bytes, address).unwrap();
        u64::from_ne_bytes(bytes)
    };
    memory.write_all_at(&libc::AT_IGNORE.to_ne_bytes(), vdso_entry(stack_pointer(pid), word)).unwrap();
    // SAFETY: this request takes no memory; no signal is passed on.
    let result = unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, 0, 0) };
    assert_eq!(result, 0, "letting the program go: {}", io::Error::last_os_error());
}

/// The stack pointer of a stopped process: the last but one field of `/proc/PID/syscall` (proc(5)).
fn stack_pointer(pid: libc::pid_t) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap();
    let field = text.split_whitespace().nth_back(1).unwrap();
    u64::from_str_radix(field.trim_start_matches("0x"), 16).unwrap()
}

/// Where the type of the vDSO's entry lies: the new stack holds argc, argv, a zero, the environment, a zero,
/// and pairs of type and value (System V ABI, "Initial Stack and Register State").
fn vdso_entry(stack: u64, word: impl Fn(u64) -> u64) -> u64 {
    let environment = stack + 8 * (word(stack) + 2);
    let variables = count_until(0, |n| word(environment + 8 * n));
    let vector = environment + 8 * (variables + 1);
    let entries = count_until(libc::AT_NULL, |n| word(vector + 16 * n));
    let found = (0..entries).map(|n| vector + 16 * n).find(|entry| word(*entry) == libc::AT_SYSINFO_EHDR);
    found.expect("the kernel gives no vDSO")
}

/// How many words stand before the one that ends them.
fn count_until(end: u64, word: impl Fn(u64) -> u64) -> u64 {
    let mut count = 0;
    while word(count) != end {
        count += 1;
    }
    count
}
