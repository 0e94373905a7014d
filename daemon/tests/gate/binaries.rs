//! Programs held against profiles.

use std::path::{Path, PathBuf};

use anyhow::Result;
use seccinch::app::scan::scan;
use serde_json::Value;

use crate::command::{Memory, call, go, json, names, profile_of, run, text};
use crate::fixtures::Program;

fn gate(code: i32, program: &Path, profile: &Path, more: &[&str]) -> Result<Value> {
    let arguments = ["gate", "--format", "json", "--binary", text(program), "--profile", text(profile)];
    json(code, &[&arguments, more].concat())
}

fn profile(folder: &tempfile::TempDir, without: &[&str], memory: Memory) -> Result<PathBuf> {
    let path = folder.path().join("web.profile.json");
    profile_of(&go("plain", "go1.27-cgo0")?, without, memory, &path)?;
    Ok(path)
}

/// Check that the build that a profile was made for passes, and that one with a new dependency fails with the calls that
/// are new, each by the package that brings it.
#[test]
fn a_new_dependency_fails_the_gate() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let profile = profile(&folder, &["pread64"], Memory::Kept)?;
    let before = gate(0, &go("plain", "go1.27-cgo0")?, &profile, &[])?;
    assert_eq!((&before["passed"], &before["fail_on"]), (&true.into(), &"newly-reachable".into()));
    assert_eq!(names(&before["refused"], |_| true), ["pread64"]);
    assert_eq!(call(&before["refused"], "pread64")["newly_reachable"], false);

    let after = gate(1, &go("grown", "go1.27-cgo0")?, &profile, &[])?;
    let failing = names(&after["refused"], |call| call["fails"] == true);
    for name in ["socket", "connect", "mlock"] {
        assert!(failing.contains(&name), "{name} is not in {failing:?}");
    }
    // Whoever starts the program calls it in both, so that the profile allows it.
    assert!(!failing.contains(&"execve"), "{failing:?}");
    assert_eq!(
        names(&after["refused"], |call| call["fails"] != call["newly_reachable"]
            && call["optional"] == false),
        [""; 0]
    );
    let mlock = call(&after["refused"], "mlock");
    assert_eq!(mlock["packages"][0], "seccinch.test/grown/telemetry");
    assert_eq!(mlock["functions"][0], "seccinch.test/grown/telemetry.Report");
    assert_eq!(mlock["answer"], "errno EPERM");
    let order: Vec<bool> = after["refused"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|call| call["newly_reachable"] == true)
        .collect();
    assert!(order.is_sorted_by(|left, right| left >= right), "new calls stand first: {order:?}");
    Ok(())
}

/// Check that calls that only options reach are marked, and fail nothing by themselves.
#[test]
fn options_alone_fail_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("web.profile.json");
    let grown = go("grown", "go1.27-cgo0")?;
    profile_of(&grown, &[], Memory::Lost, &path)?;
    let plain = go("plain", "go1.27-cgo0")?;
    for more in [&["--against", text(&plain)][..], &["--fail-on", "any"], &[]] {
        let document = gate(0, &grown, &path, more)?;
        let refused = names(&document["refused"], |_| true);
        assert!(["mount", "ptrace", "chroot"].iter().all(|name| refused.contains(name)), "{refused:?}");
        assert_eq!(names(&document["refused"], |call| call["optional"] == false), [""; 0]);
    }
    Ok(())
}

/// Check that a profile without memory of its build fails on any call, unless the old build is named, and that asking
/// for what can't be told is an error with what to do.
#[test]
fn what_is_new_has_to_be_told() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let profile = profile(&folder, &["pread64"], Memory::Lost)?;
    let (plain, grown) = (go("plain", "go1.27-cgo0")?, go("grown", "go1.27-cgo0")?);
    let any = gate(1, &plain, &profile, &[])?;
    assert_eq!((&any["fail_on"], &any["against"]), (&"any".into(), &Value::Null));
    assert_eq!(call(&any["refused"], "pread64")["newly_reachable"], Value::Null);
    let against = gate(0, &plain, &profile, &["--against", text(&plain)])?;
    assert_eq!(against["fail_on"], "newly-reachable");
    assert_eq!(against["against"]["binary"]["path"], text(&plain));
    gate(1, &grown, &profile, &["--against", text(&plain)])?;
    gate(1, &plain, &profile, &["--against", text(&plain), "--fail-on", "any"])?;
    let shown = text(&profile);
    let ran = run(&["gate", "--binary", text(&plain), "--profile", shown, "--fail-on", "newly-reachable"])?;
    let expected = format!(
        "error: cannot tell which calls are newly reachable: {shown} does not say what the build could call that it was \
         learned from. Name that build with --against OLD_BINARY, or make the profile with `seccinch profile build \
         --binary`; --fail-on any judges every call\n"
    );
    assert_eq!((ran.code, ran.stderr, ran.stdout), (Some(2), expected, String::new()));
    Ok(())
}

/// Check that a number that can't be told is listed, is no new call, and fails where any call does.
#[test]
fn unresolved_numbers_are_told() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("numbers.profile.json");
    let numbers = go("numbers", "go1.27-cgo0")?;
    profile_of(&numbers, &[], Memory::Kept, &path)?;
    let document = gate(0, &numbers, &path, &[])?;
    assert_eq!(document["unresolved"].as_array().map(Vec::len), Some(3));
    let caveats = document["caveats"].to_string();
    assert!(caveats.contains("the program has 3 unresolved sites"), "{caveats}");
    assert!(caveats.contains("of /usr/bin/before not all is known (3 unresolved)"), "{caveats}");
    gate(1, &numbers, &path, &["--fail-on", "any"])?;
    Ok(())
}

/// Check that calls of libc and ld.so stand apart and fail nothing, and that `clone3` refused with ENOSYS is none.
#[test]
fn other_code_stands_apart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("cgo.profile.json");
    let (cgo, pure) = (go("websvc", "go1.27-cgo1")?, go("websvc", "go1.27-cgo0")?);
    profile_of(&pure, &["clone3"], Memory::Kept, &path)?;
    let document = gate(0, &cgo, &path, &["--against", text(&cgo)])?;
    let foreign = names(&document["not_from_go"], |_| true);
    assert!(foreign.contains(&"set_robust_list") && foreign.contains(&"access"), "{foreign:?}");
    assert_eq!(names(&document["not_from_go"], |call| call["fails"] == true), [""; 0]);
    let docker = format!(
        r#"{{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86_64"],"syscalls":[
            {{"names":["clone3"],"action":"SCMP_ACT_ERRNO","errnoRet":{}}},
            {{"names":["read"],"action":"SCMP_ACT_ALLOW"}},
            {{"names":["socket"],"action":"SCMP_ACT_ALLOW","args":[{{"index":0,"value":2,"op":"SCMP_CMP_EQ"}}]}}]}}"#,
        38
    );
    std::fs::write(&path, docker)?;
    let document = gate(1, &pure, &path, &[])?;
    let refused = names(&document["refused"], |_| true);
    assert!(
        !refused.contains(&"clone3") && !refused.contains(&"read") && refused.contains(&"write"),
        "{refused:?}"
    );
    assert_eq!(names(&document["limited"], |_| true), ["socket"]);
    Ok(())
}

/// Check a real program in the place of another: what caddy calls and prometheus does not is new, and nothing else is.
#[test]
fn real_programs_are_judged() -> Result<()> {
    let path = |package, path| Program::Debian { package, path }.path();
    let (old, new) = (path("prometheus", "usr/bin/prometheus")?, path("caddy", "usr/bin/caddy")?);
    let folder = tempfile::tempdir()?;
    let profile = folder.path().join("prometheus.profile.json");
    profile_of(&old, &[], Memory::Kept, &profile)?;
    gate(0, &old, &profile, &[])?;
    let document = gate(1, &new, &profile, &[])?;
    let found = names(&document["refused"], |call| call["newly_reachable"] == true);
    let calls = |path: &Path| Ok::<_, anyhow::Error>(scan(path, Path::new("/"))?.reachable().syscalls);
    let before = calls(&old)?;
    let expected = calls(&new)?.into_iter().filter(|(nr, new)| {
        // What prometheus makes at all, if only in libc, its profile allows.
        new.is_go && before.get(nr).is_none_or(|old| old.is_optional && !(old.is_go && new.is_optional))
    });
    assert_eq!(found.len(), expected.count());
    println!("caddy under prometheus's profile: {} newly reachable: {found:?}", found.len());
    Ok(())
}

/// Check what is said of inputs that can't be used.
#[test]
fn wrong_inputs_are_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let profile = profile(&folder, &[], Memory::Kept)?;
    let plain = go("plain", "go1.27-cgo0")?;
    let (binary, of) = (text(&plain), text(&profile));
    for (arguments, expected) in [
        (["--binary", of, "--profile", of], "cannot scan "),
        (["--binary", "/nonexistent", "--profile", of], "error: cannot read /nonexistent: No such file"),
        (["--binary", binary, "--profile", "/nonexistent"], "error: cannot read /nonexistent: No such file"),
        (["--binary", binary, "--profile", binary], "cannot use "),
        (["--image", "web:1.5", "--profile", of], "`web:1.5` names no image: write oci:FOLDER"),
        (
            ["--image", "oci:/nonexistent", "--profile", of],
            "cannot use oci:/nonexistent: cannot read /nonexistent/",
        ),
    ] {
        let ran = run(&[&["gate"], &arguments[..]].concat())?;
        assert_eq!(ran.code, Some(2), "{arguments:?}");
        assert!(ran.stderr.contains(expected), "{arguments:?}: {}", ran.stderr);
    }
    let arm = folder.path().join("arm.json");
    std::fs::write(
        &arm,
        r#"{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_AARCH64"],
            "syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW"}]}"#,
    )?;
    let ran = run(&["gate", "--binary", binary, "--profile", text(&arm)])?;
    let expected = format!("error: the program is for x86_64, and {} for aarch64\n", arm.display());
    assert_eq!((ran.code, ran.stderr), (Some(2), expected));
    Ok(())
}
