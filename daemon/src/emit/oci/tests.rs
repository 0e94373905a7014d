use super::*;
use proptest::prelude::*;

use crate::model::Arch;
use crate::policy::testing::{ALWAYS, any_profile, masked, profile, sample, when};
use crate::policy::{DefaultAction, EPERM, Unresolved, Verdict, diff, lockdown};

fn text(profile: &Profile) -> String {
    String::from_utf8(oci(profile, Engine::Any, Logging::Kernel).unwrap()).unwrap()
}

/// Check that what is emitted is read back as the same filter.
#[test]
fn emitted_profiles_are_read_back() {
    let read = parse(text(&sample()).as_bytes(), Arch::X86_64, "x.json").unwrap();
    assert!(read.remarks.is_empty(), "{:?}", read.remarks);
    let difference = diff(&sample(), &read.profile);
    assert!(difference.is_empty(), "{difference:?}");
}

/// Check that the top call is named with the default action, unless it has its own rule or all is let run.
#[test]
fn the_top_call_is_named() {
    let plain = profile(DefaultAction::KillProcess, &[("read", ALWAYS)]);
    assert!(text(&plain).contains(TOP_SYSCALL), "{}", text(&plain));
    let log = profile(DefaultAction::Log, &[("read", ALWAYS)]);
    assert!(!text(&log).contains(TOP_SYSCALL), "{}", text(&log));
    let own = profile(DefaultAction::KillProcess, &[(TOP_SYSCALL, ALWAYS)]);
    assert_eq!(text(&own).matches(TOP_SYSCALL).count(), 1, "{}", text(&own));
}

/// Check that a full mask is written as an equality, which every runtime compares as 64 bits.
#[test]
fn full_masks_are_equalities() {
    let rules = [("ptrace", when(&[&[masked(0, u64::MAX, 16)]]))];
    assert!(text(&profile(DefaultAction::KillProcess, &rules)).contains("\"SCMP_CMP_EQ\""));
}

/// Check that flags are written for a runtime that takes them, and are an error for another.
#[test]
fn flags_follow_the_runtime() {
    let emitted =
        |engine| oci(&sample(), engine, Logging::Denials).map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(emitted(Engine::Runc12).unwrap().contains("\"SECCOMP_FILTER_FLAG_LOG\""));
    assert!(!text(&sample()).contains("flags"));
    assert_eq!(
        emitted(Engine::Runc11).unwrap_err().to_string(),
        "the runtime `runc-1.1` takes no filter flags, so denials can't be logged: name one that does, such as runc-1.2"
    );
}

/// Check that a number without a name is an error that names it.
#[test]
fn unnamed_calls_are_refused() {
    let rules = std::collections::BTreeMap::from([(
        crate::model::SyscallNr::new(510).unwrap(),
        crate::policy::testing::observed(ALWAYS),
    )]);
    let profile = Profile::new(Arch::X86_64, DefaultAction::Errno(EPERM), rules).unwrap();
    let error = oci(&profile, Engine::Any, Logging::Kernel).unwrap_err().to_string();
    assert!(
        error.starts_with("an OCI profile can't express the rule for `syscall_510` (allowed)"),
        "{error}"
    );
}

fn remarks(syscalls: &str) -> Vec<Remark> {
    let text = format!(
        r#"{{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X32"],"syscalls":[{syscalls}]}}"#
    );
    parse(text.as_bytes(), Arch::X86_64, "x").unwrap().remarks.into_iter().collect()
}

/// Check that what a runtime reads otherwise than it looks is told.
#[test]
fn odd_profiles_are_remarked_on() {
    let found = remarks(
        r#"{"names":["clone","raed","_llseek"],"action":"SCMP_ACT_ALLOW"},
           {"names":["clone"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}]}"#,
    );
    assert_eq!(
        found,
        [
            Remark::UnknownName { name: "raed".into(), nearest: Some("read") },
            Remark::SubArchitectures(vec!["SCMP_ARCH_X32".into()]),
            Remark::ConditionalAndUnconditional("clone".into()),
        ]
    );
}

/// Check that a profile for another architecture is read for that one.
#[test]
fn other_architectures_are_read() {
    let text = text(&sample()).replace("SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64");
    let read = parse(text.as_bytes(), Arch::X86_64, "x").unwrap();
    assert_eq!(read.profile.arch(), Arch::Aarch64);
    let number = crate::syscalls::number(Arch::Aarch64, "read").unwrap();
    assert!(read.profile.rules().contains_key(&number));
    assert!(read.remarks.is_empty(), "{:?}", read.remarks);
}

/// Check that profiles that are no allow-lists are refused with the reason.
#[test]
fn other_profiles_are_refused() {
    let refused = |text: &str| parse(text.as_bytes(), Arch::X86_64, "x").unwrap_err().to_string();
    assert!(refused(r#"{"defaultAction":"SCMP_ACT_ALLOW"}"#).contains("only allow-lists"));
    assert_eq!(refused(r#"{"defaultAction":"SCMP_ACT_ERRNO"}"#), "not a usable profile");
    let trap = r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
        {"names":["read"],"action":"SCMP_ACT_TRAP"}]}"#;
    assert_eq!(
        refused(trap),
        "its rule for `read` (line 2) can't be read: the action SCMP_ACT_TRAP has no place in an allow-list"
    );
}

/// Check that Docker's default profile is read for a container without capabilities. Reads the file beside the
/// project, and is skipped where there is none.
#[test]
fn dockers_default_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/docker-default-seccomp.json");
    let Ok(bytes) = std::fs::read(path) else {
        eprintln!("skipped: {path} is not there");
        return;
    };
    let read = parse(&bytes, Arch::X86_64, "docker").unwrap();
    let allowed = read.profile.allowed().count();
    assert_eq!(allowed, 308, "the calls that Docker's default allows on amd64 without capabilities");
    // Newer than libseccomp 2.5.4, which is asked for the names of other architectures.
    let newer = Remark::UnknownName { name: "riscv_hwprobe".into(), nearest: None };
    let unknown = |remark: &&Remark| matches!(remark, Remark::UnknownName { .. }) && **remark != newer;
    assert_eq!(read.remarks.iter().find(unknown), None);
    let clone3 = read.profile.rules()[&crate::policy::testing::nr("clone3")].verdict().clone();
    assert_eq!(clone3, Verdict::Errno(crate::policy::ENOSYS));
}

/// Check that what a lockdown says of other arguments is read back, and a refusal by argument that is less than that is
/// refused.
#[test]
fn lockdowns_are_read_back() {
    let locked = lockdown(&sample(), Unresolved::Refused).unwrap();
    let read = parse(text(&locked).as_bytes(), Arch::X86_64, "x").unwrap();
    assert_eq!(read.profile.otherwise(), Some(EPERM));
    let difference = diff(&locked, &read.profile);
    assert!(difference.is_empty(), "{difference:?}");
    let mut less: serde_json::Value = serde_json::from_str(&text(&locked)).unwrap();
    let rules = less["syscalls"].as_array_mut().unwrap();
    let first = rules.iter().position(|rule| rule["action"] == "SCMP_ACT_ERRNO" && rule["args"].is_array());
    rules.remove(first.unwrap());
    let error = parse(less.to_string().as_bytes(), Arch::X86_64, "x").unwrap_err().to_string();
    assert!(error.contains("it refuses by argument"), "{error}");
}

proptest! {
    /// Check that any profile is read back as the same filter, and its reasons apart nothing differs.
    #[test]
    fn any_emitted_profile_is_read_back(profile in any_profile()) {
        let read = parse(text(&profile).as_bytes(), Arch::X86_64, "x").unwrap();
        prop_assert!(read.remarks.is_empty(), "{:?}", read.remarks);
        let difference = diff(&profile, &read.profile);
        prop_assert!(difference.is_empty(), "{:?}", difference);
    }
}
