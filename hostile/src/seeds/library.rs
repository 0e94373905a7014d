//! A small library in C, as a compiler and a linker make it: with stubs, relocations and tables for unwinding.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// Calls the kernel itself, through another library, and through a pointer.
const SOURCE: &str = r#"
extern long syscall(long number, ...);
static long raw(long number) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number) : "rcx", "r11", "memory");
    return result;
}
long own(void) { return raw(39); }
long others(long number) { return syscall(number) + syscall(102); }
long (*pointer)(void) = own;
long variable = 110;
long by_variable(void) { return raw(variable) + pointer(); }
"#;

/// The library's file.
pub(super) fn library() -> Result<Vec<u8>> {
    let folder = std::env::temp_dir().join(format!("seccinch-seeds-{}", std::process::id()));
    fs::create_dir_all(&folder).with_context(|| format!("can't create {}", folder.display()))?;
    let (source, out) = (folder.join("library.c"), folder.join("library.so"));
    fs::write(&source, SOURCE).with_context(|| format!("can't write {}", source.display()))?;
    let mut compiler = Command::new("cc");
    compiler.args([
        "-shared",
        "-fPIC",
        "-nostdlib",
        "-O1",
        "-s",
        "-Wl,-z,max-page-size=4096,-z,noseparate-code",
    ]);
    let status = compiler.arg("-o").args([&out, &source]).status().context("can't start the C compiler")?;
    ensure!(status.success(), "the C compiler can't make a library");
    let bytes = fs::read(&out).with_context(|| format!("can't read {}", out.display()));
    fs::remove_dir_all(&folder).with_context(|| format!("can't remove {}", folder.display()))?;
    bytes
}
