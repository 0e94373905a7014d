//! Running the binary on the files of this folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use seccinch::model::Arch;
use seccinch::syscalls;

/// A file under `tests/`.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// What the binary printed, and how it ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("text")
    }
}

/// Runs `seccinch profile` in the folder of the test files, so that messages hold no machine's paths.
pub(crate) fn profile(arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seccinch"));
    let Output { status, stdout, stderr } =
        command.arg("profile").args(arguments).current_dir(file("")).output().expect("the binary runs");
    Ran { code: status.code(), stdout, stderr: String::from_utf8(stderr).expect("text") }
}

/// Runs and expects success.
pub(crate) fn done(arguments: &[&str]) -> Ran {
    let ran = profile(arguments);
    assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.stderr);
    ran
}

/// What nobody needs but to be refused it.
pub(crate) const NO_MKDIR: &[&str] = &["mkdir", "mkdirat"];

/// An OCI profile that allows every name of the table but these.
pub(crate) fn all_but(folder: &Path, default: &str, without: &[&str]) -> PathBuf {
    let without: BTreeSet<_> = without.iter().copied().collect();
    let names = syscalls::all(Arch::NATIVE).map(|(_, name)| name).filter(|name| !without.contains(name));
    let rules = [serde_json::json!({ "names": names.collect::<Vec<_>>(), "action": "SCMP_ACT_ALLOW" })];
    let path = folder.join(format!("{default}.json"));
    let text = serde_json::json!({ "defaultAction": default, "syscalls": rules }).to_string();
    fs::write(&path, text).expect("the profile is written");
    path
}

/// Where `cargo xtask setup` puts what tests need.
pub(crate) fn cache() -> PathBuf {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache");
    env::var_os("SECCINCH_CACHE").map_or(clone, PathBuf::from)
}
