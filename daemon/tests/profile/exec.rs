//! `seccinch exec`: the command runs in its place, under the filter, and what goes wrong is said before that.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::{NO_MKDIR, all_but};

fn command(profile: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seccinch"));
    command
        .args(["exec", "--profile"])
        .arg(profile)
        .args(words)
        .env_remove("SECCINCH_LOG")
        .stdin(Stdio::null());
    command
}

fn exec(profile: &Path, words: &[&str]) -> Output {
    command(profile, words).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Check that the command has our place: our process id, the filter, `no_new_privs`, and signals as it would have them
/// without us.
#[test]
fn the_command_runs_in_our_place() {
    let folder = tempfile::tempdir().unwrap();
    let profile = all_but(folder.path(), "SCMP_ACT_ERRNO", NO_MKDIR);
    for more in [&["--"][..], &["--log-denials", "--"]] {
        let words = [more, &["cat", "/proc/self/status"]].concat();
        let child = command(&profile, &words).stdout(Stdio::piped()).spawn().unwrap();
        let id = child.id();
        let status = text(&child.wait_with_output().unwrap().stdout);
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        assert_eq!(field("Pid:"), Some(id.to_string().as_str()));
        assert_eq!((field("Seccomp:"), field("NoNewPrivs:")), (Some("2"), Some("1")), "{status}");
        let ignored = u64::from_str_radix(field("SigIgn:").unwrap(), 16).unwrap();
        assert_eq!(ignored >> (libc::SIGPIPE - 1) & 1, 0, "a broken pipe ends it");
    }
}

/// Check that what the profile refuses fails or kills, and that the command's own end is ours.
#[test]
fn refusals_are_the_profiles() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    let made = made.to_str().unwrap();
    let errno = all_but(folder.path(), "SCMP_ACT_ERRNO", NO_MKDIR);
    let refused = exec(&errno, &["--", "mkdir", made]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("Operation not permitted"), "{}", text(&refused.stderr));
    let kill = all_but(folder.path(), "SCMP_ACT_KILL_PROCESS", NO_MKDIR);
    assert_eq!(exec(&kill, &["--", "mkdir", made]).status.signal(), Some(libc::SIGSYS));
    assert!(!Path::new(made).exists());
    assert_eq!(exec(&kill, &["--", "sh", "-c", "exit 7"]).status.code(), Some(7));
    assert_eq!(exec(&kill, &["--", "sh", "-c", "kill -9 $$"]).status.signal(), Some(libc::SIGKILL));
}

/// Check every reason for which nothing is executed, word for word, with the exit status that shells have for it.
#[test]
fn failures_are_told_before_the_filter() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let all = all_but(folder.path(), "SCMP_ACT_ERRNO", &[]);
    let no_execve = all_but(folder.path(), "SCMP_ACT_KILL_PROCESS", &["execve"]);
    fs::write(at("text"), "no program").unwrap();
    fs::write(at("script"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(at("text"), fs::Permissions::from_mode(0o755)).unwrap();
    let missing = PathBuf::from(at("missing.json"));
    for (profile, command, code, said) in [
        (&all, "no-such-command", 127, "command not found: no-such-command (looked in PATH="),
        (&all, &at("text"), 126, "is no program: neither an ELF file nor a script"),
        (&all, &at("script"), 126, "under the profile: Permission denied (os error 13)"),
        (&no_execve, "true", 125, "the profile refuses execve, by which the command is started"),
        (&missing, "true", 125, "missing.json: No such file or directory"),
    ] {
        let output = exec(profile, &["--", command]);
        assert_eq!(output.status.code(), Some(code), "{command}: {}", text(&output.stderr));
        let stderr = text(&output.stderr);
        assert!(stderr.starts_with("seccinch: ") && stderr.contains(said), "{command}: {stderr}");
    }
}
