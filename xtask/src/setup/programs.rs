//! The tests' own Go programs, built in every variant into `.cache/go-programs/`.
//!
//! Each folder of `daemon/tests/real/go/` is a program: a package of its own with a `go.mod` that needs
//! the standard library only. Its variants are `PROGRAM-go1.27-cgo0`, `PROGRAM-go1.27-cgo1`, and
//! the same with `-stripped`. There is no `cgo1` where cgo would change nothing, and no `cgo0` where
//! the program has C in a file without `//go:build cgo`. One program is built by every version of Go, also as
//! `-pie-stripped` and, with C in it, `-static`, for the tests of what they write into it and of how it runs.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{
    Scratch,
    golang::{Go, Scope, TOOLCHAINS},
};
use crate::{
    process::{output, run_logged},
    project::Project,
    say,
};

const SOURCES: &str = "daemon/tests/real/go";
const BUILT: &str = "go-programs";
/// The program that every version of Go builds. It is small.
const EVERY_VERSION: &str = "stacks";

/// A way of building: the end of the program's name, and the arguments.
type Form = (&'static str, &'static [&'static str]);
const FORMS: &[Form] = &[("", &[]), ("-stripped", &["-ldflags", "-s -w"])];
const PIE: Form = ("-pie-stripped", &["-buildmode=pie", "-ldflags", "-s -w"]);
const STATIC: Form = ("-static", &["-ldflags", "-linkmode external -extldflags -static"]);

/// Builds the programs whose sources have changed since they were built.
pub(super) fn build_all(project: &Project, scratch: &Scratch) -> Result<()> {
    for folder in folders(&project.path(SOURCES))? {
        let Some(name) = folder.file_name().and_then(|name| name.to_str()) else { continue };
        let fingerprint = fingerprint(&folder)?;
        let stamp = project.cached(BUILT).join(format!("{name}.stamp"));
        if is_built(&stamp, &fingerprint) {
            continue;
        }
        say::detail(&format!("building the Go program `{name}` in its variants"));
        let variants = scratch.with(|root| build(project, &folder, name, root))?;
        fs::write(&stamp, format!("{fingerprint}\n{}\n", variants.join("\n")))
            .with_context(|| format!("can't write {}", stamp.display()))?;
    }
    Ok(())
}

/// Whether the stamp is of these sources, and all variants that it lists are still there.
fn is_built(stamp: &Path, fingerprint: &str) -> bool {
    let Ok(text) = fs::read_to_string(stamp) else { return false };
    let mut lines = text.lines();
    lines.next() == Some(fingerprint) && lines.all(|variant| stamp.with_file_name(variant).is_file())
}

/// Builds all variants into `scratch`, then moves them to where the tests look.
fn build(project: &Project, folder: &Path, name: &str, scratch: &Path) -> Result<Vec<String>> {
    let mut variants = Vec::new();
    let every = name == EVERY_VERSION;
    for &go in TOOLCHAINS.iter().filter(|go| every || go.scope == Scope::All) {
        for cgo in cgo_choices(project, go, folder)? {
            let more = every.then_some(&PIE).into_iter().chain((every && cgo == "1").then_some(&STATIC));
            for &(suffix, arguments) in FORMS.iter().chain(more) {
                let variant = format!("{name}-go{}-cgo{cgo}{suffix}", go.language);
                let mut command = go_in(project, go, folder, cgo);
                command.args(["build", "-trimpath", "-buildvcs=false"]).args(arguments);
                command.arg("-o").arg(scratch.join(&variant)).arg(".");
                run_logged(project, "go-build", &mut command)
                    .with_context(|| format!("can't build the Go program {variant}"))?;
                variants.push(variant);
            }
        }
    }
    publish(scratch, &project.cached(BUILT))?;
    Ok(variants)
}

/// A `go` command in the program's folder.
fn go_in(project: &Project, go: Go, folder: &Path, cgo: &str) -> Command {
    let mut command = go.command(project);
    command.env("CGO_ENABLED", cgo).current_dir(folder);
    command
}

/// The values of `CGO_ENABLED` that make a difference for this program.
fn cgo_choices(project: &Project, go: Go, folder: &Path) -> Result<Vec<&'static str>> {
    let listed = |args: &[&str]| output(go_in(project, go, folder, "1").arg("list").args(args));
    let uses_c = listed(&["-deps", "."])?.lines().any(|package| package == "runtime/cgo");
    let with_c = listed(&["-f", "{{join .CgoFiles \"\\n\"}}", "."])?;
    let optional = with_c.lines().all(|file| is_optional(&folder.join(file)));
    Ok(match (uses_c, optional) {
        (true, true) => vec!["0", "1"],
        (true, false) => vec!["1"],
        (false, _) => vec!["0"],
    })
}

/// Whether a file with C in it has `//go:build cgo`: the program does without it too.
fn is_optional(file: &Path) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().any(|line| line.starts_with("//go:build") && line.contains("cgo"))
}

fn publish(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("can't create {}", to.display()))?;
    for file in entries(from)? {
        let target = to.join(file.file_name().unwrap_or_default());
        fs::rename(&file, &target).with_context(|| format!("can't write {}", target.display()))?;
    }
    Ok(())
}

/// Changes when a source or the way of building changes. Another Rust may hash otherwise: that costs
/// a build.
fn fingerprint(folder: &Path) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    include_str!("programs.rs").hash(&mut hasher);
    for go in TOOLCHAINS {
        go.version().hash(&mut hasher);
    }
    hash_tree(folder, &mut hasher)?;
    Ok(format!("{:016x}", hasher.finish()))
}

fn hash_tree(path: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    path.file_name().hash(hasher);
    if path.is_dir() {
        return entries(path)?.iter().try_for_each(|entry| hash_tree(entry, hasher));
    }
    fs::read(path).with_context(|| format!("can't read {}", path.display()))?.hash(hasher);
    Ok(())
}

/// The folders in `path`, sorted; none if it isn't there.
fn folders(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let mut all = entries(path)?;
    all.retain(|entry| entry.join("go.mod").is_file());
    Ok(all)
}

fn entries(path: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("can't list {}", path.display());
    let mut entries: Vec<PathBuf> = fs::read_dir(path)
        .with_context(context)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()
        .with_context(context)?;
    entries.sort();
    Ok(entries)
}
