//! What a Go program does between fork and exec.
//!
//! `syscall.forkAndExecInChild` and its siblings hold every call that any option of `os/exec` leads to, so that each
//! program that starts another seems to need `ptrace`, `chroot` and `mount`. Which of them are made whatever the
//! options are is listed here, from `src/syscall/exec_linux.go`, Go 1.18 to 1.27.

/// The functions that run in the child, by how their names begin.
const IN_CHILD: &str = "syscall.forkAndExecInChild";

/// What happens for any `os/exec` command: fork, the wait for the parent, files put into place, the folder, the limit
/// of open files, exec, and the message to the parent if that fails. Everything else is done only for a field of
/// `SysProcAttr` that is set.
const ALWAYS: &[&str] = &[
    "chdir",
    "clone",
    "clone3",
    "close",
    "dup2",
    "dup3",
    "execve",
    "exit",
    "exit_group",
    "fcntl",
    "pipe2",
    "prlimit64",
    "read",
    "rt_sigaction",
    "rt_sigprocmask",
    "setrlimit",
    "vfork",
    "write",
];

/// Whether a call in this function is made only where the program sets a field of `SysProcAttr`.
pub(super) fn is_optional(function: &str, syscall: &str) -> bool {
    function.starts_with(IN_CHILD) && !ALWAYS.contains(&syscall)
}
