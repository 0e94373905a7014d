//! Real programs, large and small.

use anyhow::Result;
use serde_json::Value;

use crate::command::{holds, names, scan};
use crate::fixtures::Program;

pub(crate) const fn debian(package: &'static str, path: &'static str) -> Program {
    Program::Debian { package, path }
}

pub(crate) const PROGRAMS: [Program; 9] = [
    debian("prometheus-node-exporter", "usr/bin/prometheus-node-exporter"),
    debian("caddy", "usr/bin/caddy"),
    debian("etcd-server", "usr/bin/etcd"),
    debian("nats-server", "usr/sbin/nats-server"),
    debian("prometheus", "usr/bin/prometheus"),
    debian("rclone", "usr/bin/rclone"),
    debian("runc", "usr/sbin/runc"),
    debian("containerd", "usr/bin/containerd"),
    Program::Go { program: "websvc", variant: "go1.27-cgo1-stripped" },
];

/// What Go's runtime calls in every program, on x86-64.
const RUNTIME: [&str; 9] = [
    "clone",
    "epoll_ctl",
    "exit_group",
    "futex",
    "madvise",
    "mmap",
    "rt_sigaction",
    "sched_yield",
    "sigaltstack",
];

/// The one library with calls that are unresolved: it looks the number up by its name.
const UNRESOLVED: &str = "libseccomp.so.";

/// Check that nothing in the Go code of real programs and in the C library is unresolved, that what the runtime does is found in all of them,
/// and that they hold far fewer calls than there are. Prints a row for each.
#[test]
fn go_code_of_real_programs_is_resolved() -> Result<()> {
    for program in PROGRAMS {
        let path = program.path()?;
        let scan = scan(&path, &[])?;
        let go = names(&scan, |syscall| holds(&syscall["origins"], "go"));
        let optional = names(&scan, |syscall| syscall["optional"] == true);
        let unresolved = scan["unresolved"].as_array().map_or(&[][..], Vec::as_slice);
        println!(
            "scan: {:28} {:3} from Go code, {:3} in all, {:2} optional, {} unresolved in C, {} functions",
            path.file_name().unwrap_or_default().display(),
            go.len(),
            names(&scan, |_| true).len(),
            optional.len(),
            unresolved.len(),
            scan["functions"]
        );
        let lost: Vec<_> = unresolved.iter().filter(|one| one["origin"] == "go").collect();
        assert!(lost.is_empty(), "{}: {lost:?}", path.display());
        let known =
            |one: &&Value| one["library"].as_str().is_some_and(|library| library.starts_with(UNRESOLVED));
        let unknown: Vec<_> = unresolved.iter().filter(|one| !known(one)).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", path.display());
        let missing: Vec<_> = RUNTIME.iter().filter(|name| !go.contains(name)).collect();
        assert!(missing.is_empty(), "{}: {missing:?} is not in {go:?}", path.display());
        assert!((60..150).contains(&go.len()), "{}: {} from Go code", path.display(), go.len());
    }
    Ok(())
}

/// Check that calls are attributed as their sources say: who maps files, who locks memory, and what is done only for
/// options of `os/exec`.
#[test]
fn calls_are_attributed_to_packages() -> Result<()> {
    let etcd = scan(&debian("etcd-server", "usr/bin/etcd").path()?, &[])?;
    let made_for = |package: &'static str| names(&etcd, move |syscall| holds(&syscall["packages"], package));
    assert!(made_for("go.etcd.io/bbolt").contains(&"mlock"), "{:?}", made_for("go.etcd.io/bbolt"));
    assert!(made_for("runtime").contains(&"futex"));
    let caddy = scan(&debian("caddy", "usr/bin/caddy").path()?, &[])?;
    let optional = names(&caddy, |syscall| syscall["optional"] == true);
    for name in ["chroot", "mount", "ptrace", "setsid", "unshare"] {
        assert!(optional.contains(&name), "{name} is not optional: {optional:?}");
    }
    for name in ["clone", "dup3", "execve", "exit_group", "read", "rt_sigreturn"] {
        assert!(!optional.contains(&name), "{name} is optional");
    }
    Ok(())
}
