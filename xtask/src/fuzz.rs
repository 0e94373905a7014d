//! Runs the fuzz targets: each parser of what others made, under libFuzzer, guided by coverage.
//!
//! No `cargo-fuzz` is needed: it does no more than set these flags. Everything is kept under `target/fuzz`, so that the
//! next run begins with what this one found out.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    build::cargo,
    process::{self, run},
    project::Project,
    say,
    setup::{self, Set},
};

/// Where everything lies that is made.
const OUT: &str = "target/fuzz";
/// What the daemon promises of any file: no more memory, no more time.
const MEBIBYTES: u32 = 256;
const SECONDS: u32 = 5;
/// Longer input says nothing that shorter input does not, and takes longer.
const MOST_BYTES: u32 = 64 << 10;

/// Instruments every crate for coverage, with the comparisons that input meets.
const FLAGS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
];

/// Builds all targets, and runs those with these names, or all of them, each for so many seconds.
pub(crate) fn fuzz(project: &Project, seconds: u32, names: &[String]) -> Result<()> {
    let all = targets(project)?;
    if let Some(unknown) = names.iter().find(|name| !all.contains(name)) {
        bail!("there is no fuzz target `{unknown}`: the targets are {}", all.join(", "));
    }
    setup::setup(project, Set::Test)?;
    say::step("build the fuzz targets");
    let triple = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let mut build = cargo(project);
    // For a target that is named, the flags leave build scripts alone.
    build.args(["build", "--release", "--locked", "--manifest-path", "fuzz/Cargo.toml", "--target", &triple]);
    build.env("CARGO_TARGET_DIR", project.path(OUT)).env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"));
    run(&mut build)?;
    say::step("make seeds");
    let mut seeds = cargo(project);
    seeds.args(["run", "--quiet", "--release", "--package", "seccinch-hostile", "--bin", "seeds", "--"]);
    run(seeds.arg(project.cached("go-programs")).arg(project.path(OUT).join("seeds")))?;
    let binaries = project.path(OUT).join(triple).join("release");
    let chosen = if names.is_empty() { &all } else { names };
    chosen.iter().try_for_each(|name| one(project, &binaries, name, seconds))
}

/// The names of all targets.
fn targets(project: &Project) -> Result<Vec<String>> {
    let folder = project.path("fuzz/fuzz_targets");
    let files = fs::read_dir(&folder).with_context(|| format!("can't list {}", folder.display()))?;
    let names = files.filter_map(|file| Some(file.ok()?.path().file_stem()?.to_str()?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    Ok(names)
}

/// Runs one target; an input that breaks a promise is an error.
fn one(project: &Project, binaries: &Path, name: &str, seconds: u32) -> Result<()> {
    say::step(&format!("fuzz {name} for {seconds} s"));
    let [corpus, seeds, found] =
        ["corpus", "seeds", "found"].map(|kind| project.path(OUT).join(kind).join(name));
    let known = project.path("fuzz/regressions").join(name);
    for folder in [&corpus, &seeds, &found] {
        fs::create_dir_all(folder).with_context(|| format!("can't create {}", folder.display()))?;
    }
    let mut command = Command::new(binaries.join(name));
    command.args([format!("-max_total_time={seconds}"), format!("-timeout={SECONDS}")]);
    command.args([format!("-rss_limit_mb={MEBIBYTES}"), format!("-max_len={MOST_BYTES}")]);
    command.args(["-print_final_stats=1".to_owned(), format!("-artifact_prefix={}/", found.display())]);
    // The first folder is written to.
    command.args([corpus, seeds]).args(Some(known).filter(|known| known.is_dir()));
    let log = log(project, name)?;
    command.stderr(log.1);
    if process::status(&mut command)?.success() {
        say::detail(&statistics(&log.0));
        return Ok(());
    }
    bail!(
        "the fuzz target `{name}` failed; the end of {}:\n{}The input is in {}: repair what it breaks, and keep it \
         as `fuzz/regressions/{name}/WHAT`",
        project.shown(&log.0),
        process::tail(&log.0),
        project.shown(&found)
    )
}

fn log(project: &Project, name: &str) -> Result<(PathBuf, fs::File)> {
    let path = project.cached(format!("logs/fuzz-{name}.log"));
    let file = fs::File::create(&path).with_context(|| format!("can't write {}", path.display()))?;
    Ok((path, file))
}

/// What libFuzzer says at its end: `#12345 DONE cov: 678 ft: …`.
fn statistics(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let done = text.lines().rev().find(|line| line.contains("DONE"));
    done.unwrap_or("no input was too much").replace('\t', " ")
}
