//! A profile as Go source: gofmt has nothing to change, real toolchains compile it, and all threads of the program are
//! under it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{NO_MKDIR, all_but, cache, done, file};

/// libseccomp's binding for Go, as Debian packages it.
const BINDING: &str = "/usr/share/gocode/src/github.com/seccomp/libseccomp-golang";
const MODULE: &str = "github.com/seccomp/libseccomp-golang";

/// Puts itself under its profile, and says of each of its threads whether it is, and what mkdir says.
const MAIN: &str = r#"package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if err := installSeccomp(); err != nil {
		fmt.Println(err)
		os.Exit(3)
	}
	tasks, _ := filepath.Glob("/proc/self/task/*/status")
	for _, task := range tasks {
		status, _ := os.ReadFile(task)
		for _, line := range strings.Split(string(status), "\n") {
			if strings.HasPrefix(line, "Seccomp:") || strings.HasPrefix(line, "NoNewPrivs:") {
				fmt.Println(strings.Fields(line))
			}
		}
	}
	fmt.Println(os.Mkdir("made", 0o755))
}
"#;

fn go(version: &str, tool: &str, folder: &Path, arguments: &[&str]) -> Output {
    let root = cache().join("go").join(version).join("go");
    let mut command = Command::new(root.join("bin").join(tool));
    command
        .args(arguments)
        .current_dir(folder)
        .env("GOROOT", &root)
        .env("GOPROXY", "off")
        .env("GOFLAGS", "-mod=mod");
    command.env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "1").env("GOCACHE", folder.join("cache"));
    let output =
        command.output().unwrap_or_else(|error| panic!("go {version}: {error}: run `cargo xtask setup`"));
    assert!(
        output.status.success(),
        "go {version} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn source(profile: &Path, folder: &Path) -> PathBuf {
    let path = folder.join("seccomp.go");
    let [from, to] = [profile, &path].map(|path| path.to_str().expect("a path in UTF-8"));
    let words = ["convert", from, "--to", "go", "-o", to];
    done(&words);
    path
}

/// Check that gofmt changes nothing, whatever rules there are.
#[test]
fn the_source_is_formatted() {
    let folder = tempfile::tempdir().unwrap();
    source(&file("data/web.profile.json"), folder.path());
    let changed = go("1.27.3", "gofmt", folder.path(), &["-d", "seccomp.go"]);
    assert_eq!(String::from_utf8_lossy(&changed.stdout), "");
}

/// Check that the oldest and the newest toolchain compile it, and that every thread of the program is under it.
#[test]
fn programs_put_themselves_under_their_profile() {
    for version in ["1.19", "1.27.3"] {
        let folder = tempfile::tempdir().unwrap();
        source(&all_but(folder.path(), "SCMP_ACT_ERRNO", NO_MKDIR), folder.path());
        let module =
            format!("module test\n\ngo 1.19\n\nrequire {MODULE} v0.10.0\n\nreplace {MODULE} => {BINDING}\n");
        fs::write(folder.path().join("go.mod"), module).unwrap();
        fs::write(folder.path().join("main.go"), MAIN).unwrap();
        go(version, "go", folder.path(), &["build", "-o", "program", "."]);
        let output = Command::new(folder.path().join("program")).current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let threads = said.lines().filter(|line| *line == "[Seccomp: 2]").count();
        assert!(threads > 1, "Go has several threads from the start: {said}");
        assert_eq!(said.lines().filter(|line| *line == "[NoNewPrivs: 1]").count(), threads, "{said}");
        assert_eq!(said.lines().last(), Some("mkdir made: operation not permitted"), "{said}");
        assert_eq!(said.lines().count(), 2 * threads + 1, "{said}");
        assert!(!folder.path().join("made").exists());
    }
}
