use super::*;
use std::collections::BTreeSet;

const GO_1_19: Option<GoVersion> = Some(GoVersion { major: 1, minor: 19 });
const GO_1_27: Option<GoVersion> = Some(GoVersion { major: 1, minor: 27 });

/// The names of a floor for one kind of program.
fn names(
    arch: Arch,
    go: Option<GoVersion>,
    runtime: Option<Runtime>,
    nnp: NoNewPrivileges,
) -> BTreeSet<&'static str> {
    floor(arch, go, runtime, nnp).unwrap().into_iter().map(|entry| entry.name).collect()
}

/// Check that every floor file can be read, has a version, a reason for each name, and at most 25 names.
#[test]
fn every_floor_file_is_sound_and_small() {
    for floor in Floor::ALL {
        let file = File::parse(floor, floor.text()).unwrap();
        assert!(!file.version.is_empty(), "{floor} has no version");
        assert!(file.rows.len() <= 25, "{floor} has {} names", file.rows.len());
        assert!(file.rows.iter().all(|row| row.reason.len() > 12), "{floor} has a name without a reason");
    }
}

/// Check that no floor holds a name twice for one program.
#[test]
fn no_floor_holds_a_name_twice() {
    for (arch, go) in [(Arch::X86_64, GO_1_19), (Arch::X86_64, GO_1_27), (Arch::Aarch64, GO_1_19)] {
        for runtime in [Runtime::Runc, Runtime::Crun, Runtime::Systemd] {
            let entries = floor(arch, go, Some(runtime), NoNewPrivileges::Unset).unwrap();
            let distinct: BTreeSet<_> = entries.iter().map(|entry| (entry.floor, entry.name)).collect();
            assert_eq!(distinct.len(), entries.len(), "{go:?} on {arch:?} under {runtime:?}");
        }
    }
}

/// Check that the Go release decides between a pipe and an eventfd to wake the poller, and that a program
/// that is not Go gets neither.
#[test]
fn go_names_follow_the_release() {
    let of = |go| names(Arch::X86_64, go, None, NoNewPrivileges::Set);
    assert!(of(GO_1_19).contains("pipe2") && !of(GO_1_19).contains("eventfd2"));
    assert!(of(GO_1_27).contains("eventfd2") && !of(GO_1_27).contains("pipe2"));
    assert!(!of(None).contains("eventfd2") && !of(None).contains("futex"));
}

/// Check that a program that is not Go still can start, end, take a signal and read the clock.
#[test]
fn other_programs_stand_on_the_common_floors() {
    let names = names(Arch::X86_64, None, None, NoNewPrivileges::Set);
    for name in ["execve", "exit_group", "rt_sigreturn", "restart_syscall", "clock_gettime"] {
        assert!(names.contains(name), "{name} is missing");
    }
}

/// Check that names follow the architecture: arm64 has neither `time` nor `arch_prctl`.
#[test]
fn names_follow_the_architecture() {
    let of = |arch| names(arch, GO_1_27, None, NoNewPrivileges::Set);
    assert!(of(Arch::X86_64).contains("time") && !of(Arch::Aarch64).contains("time"));
    assert!(of(Arch::X86_64).contains("arch_prctl") && !of(Arch::Aarch64).contains("arch_prctl"));
    assert!(of(Arch::Aarch64).contains("futex"));
}

/// Check that runc without `no_new_privs` needs to drop privileges under the filter, and with it does not.
#[test]
fn runc_names_follow_no_new_privileges() {
    let of = |nnp| names(Arch::X86_64, None, Some(Runtime::Runc), nnp);
    assert!(of(NoNewPrivileges::Unset).contains("capset"));
    assert!(!of(NoNewPrivileges::Set).contains("capset"));
    assert!(of(NoNewPrivileges::Set).is_subset(&of(NoNewPrivileges::Unset)));
}

/// Check that provenance names every floor once.
#[test]
fn every_floor_has_a_version() {
    let floors: Vec<_> = versions().unwrap().into_iter().map(|(floor, _)| floor).collect();
    assert_eq!(floors, Floor::ALL);
}

/// Check that a file with an unknown key, an unknown name or a bad release is refused, and says which.
#[test]
fn bad_files_are_refused() {
    let error = |text: &str| File::parse(Floor::Go, text).err().map(|error| error.to_string()).unwrap();
    let row = |rest: &str| format!("version = \"1\"\n[[syscall]]\nreason = \"none\"\n{rest}");
    assert!(error(&row("name = \"futex\"\nwhy = \"x\"")).contains("floor file `go`"));
    assert!(error(&row("name = \"futeks\"")).contains("futeks"));
    assert!(error(&row("name = \"futex\"\narch = \"amd64\"")).contains("amd64"));
    assert!(error(&row("name = \"futex\"\nsince = \"go1\"")).contains("go1"));
}
