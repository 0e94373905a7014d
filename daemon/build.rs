//! Embeds the eBPF object that `cargo xtask build` leaves in `target/bpf`, or an empty one where there is
//! none: everything else builds, checks and lints without the BPF toolchain, and loading says what to do.

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{env, fs, io};

const SOURCES: [&str; 3] = ["ebpf/src", "ebpf/Cargo.toml", "common/src"];

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let object = root.join("target/bpf/seccinch.bpf.o");
    let sources = SOURCES.map(|source| root.join(source));
    // A path that is not there would make every build run this again.
    let watched = object.ancestors().find(|path| path.exists()).unwrap_or(&root);
    for path in sources.iter().map(PathBuf::as_path).chain([watched]) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let bytes = if is_current(&object, &sources)? { fs::read(&object)? } else { Vec::new() };
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    fs::write(out.join("seccinch.bpf.o"), bytes)
}

/// An object older than its sources would count by yesterday's rules: better none.
fn is_current(object: &Path, sources: &[PathBuf]) -> io::Result<bool> {
    let Ok(built) = fs::metadata(object).and_then(|metadata| metadata.modified()) else {
        println!("cargo::warning=no eBPF object: `cargo xtask build` makes it; this build cannot record");
        return Ok(false);
    };
    let mut newest = SystemTime::UNIX_EPOCH;
    for source in sources {
        newest = newest.max(newest_in(source)?);
    }
    if newest > built {
        println!("cargo::warning=the eBPF object is older than its sources: run `cargo xtask build`");
    }
    Ok(newest <= built)
}

fn newest_in(path: &Path) -> io::Result<SystemTime> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_dir() {
        return metadata.modified();
    }
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(path)? {
        newest = newest.max(newest_in(&entry?.path())?);
    }
    Ok(newest)
}
