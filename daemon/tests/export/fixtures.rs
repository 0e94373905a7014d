//! The real programs, as `cargo xtask setup` laid them out.

use std::env;
use std::path::{Path, PathBuf};

/// A program of the package `prometheus`.
pub(crate) fn program(name: &str) -> PathBuf {
    existing(&format!("debian/prometheus/usr/bin/{name}"))
}

/// The helper that makes certificates.
pub(crate) fn probe() -> PathBuf {
    existing("go-programs/probe-go1.27-cgo0")
}

fn existing(name: &str) -> PathBuf {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cache = env::var_os("SECCINCH_CACHE").map_or_else(|| clone.join(".cache"), PathBuf::from);
    let path = cache.join(name);
    assert!(path.is_file(), "{} is missing: run `cargo xtask setup`", path.display());
    path
}
