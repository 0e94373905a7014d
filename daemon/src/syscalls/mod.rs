//! System call numbers, their names, their kinds, and the arguments that are watched.
//!
//! Names and numbers come from the `syscalls` crate, which follows the kernel's own tables
//! (`arch/x86/entry/syscalls/syscall_64.tbl`, `scripts/syscall.tbl`).

mod kind;
mod parse;
mod watched;

pub use kind::{Kind, kind};
pub use parse::{UnknownSyscall, parse};
pub use watched::{Watched, watched, watched_by_name};

use syscalls::{aarch64, x86_64};

use crate::model::{Arch, MAX_SYSCALLS, SyscallNr};

/// The name of a number, or nothing where the architecture has no such call.
pub fn name(arch: Arch, nr: SyscallNr) -> Option<&'static str> {
    match arch {
        Arch::X86_64 => x86_64::Sysno::new(nr.index()).map(|sysno| sysno.name()),
        Arch::Aarch64 => aarch64_name(nr),
    }
}

/// The crate follows the generic table without its conditions: 79 is `newfstatat` on every 64-bit
/// architecture, and 403 to 423 exist on 32-bit ones only (include/uapi/asm-generic/unistd.h, Linux 6.12).
fn aarch64_name(nr: SyscallNr) -> Option<&'static str> {
    match nr.get() {
        79 => Some("newfstatat"),
        403..=423 => None,
        _ => aarch64::Sysno::new(nr.index()).map(|sysno| sysno.name()),
    }
}

/// The number of a name, or nothing where the architecture has no such call.
pub fn number(arch: Arch, name: &str) -> Option<SyscallNr> {
    let id = match (arch, name) {
        (Arch::X86_64, _) => name.parse::<x86_64::Sysno>().ok()?.id(),
        (Arch::Aarch64, "newfstatat") => aarch64::Sysno::fstatat.id(),
        (Arch::Aarch64, _) => name.parse::<aarch64::Sysno>().ok()?.id(),
    };
    let nr = u16::try_from(id).ok().and_then(SyscallNr::new)?;
    (self::name(arch, nr) == Some(name)).then_some(nr)
}

/// The name of a number, or `syscall_N` for one that is newer than this program.
pub fn display_name(arch: Arch, nr: SyscallNr) -> String {
    name(arch, nr).map_or_else(|| format!("syscall_{}", nr.get()), str::to_owned)
}

/// Every call of an architecture with its name, in the order of the numbers.
pub fn all(arch: Arch) -> impl Iterator<Item = (SyscallNr, &'static str)> {
    (0..MAX_SYSCALLS).filter_map(SyscallNr::new).filter_map(move |nr| Some((nr, name(arch, nr)?)))
}

/// The known name that is most like a mistyped one, if any is near.
pub fn nearest(arch: Arch, mistyped: &str) -> Option<&'static str> {
    nearest_of(mistyped, all(arch).map(|(_, name)| name))
}

/// The name of several that is most like a mistyped one, if any is near.
pub fn nearest_of<'a>(mistyped: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (edit_distance(mistyped, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein distance, by bytes: names are ASCII.
fn edit_distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that every name leads back to its number, on both architectures.
    #[test]
    fn names_and_numbers_agree() {
        for arch in Arch::ALL {
            let mut count = 0;
            for (nr, name) in all(arch) {
                assert_eq!(number(arch, name), Some(nr), "{name} on {}", arch.name());
                count += 1;
            }
            assert!(count > 300, "{} has only {count} calls", arch.name());
        }
    }

    /// Check that numbers are the kernel's, on a few that differ between the architectures.
    #[test]
    fn numbers_are_the_kernels() {
        let of = |arch, name| number(arch, name).map(SyscallNr::get);
        assert_eq!(of(Arch::X86_64, "read"), Some(0));
        assert_eq!(of(Arch::Aarch64, "read"), Some(63));
        assert_eq!(of(Arch::X86_64, "open"), Some(2));
        assert_eq!(of(Arch::Aarch64, "open"), None);
        assert_eq!(of(Arch::Aarch64, "newfstatat"), Some(79));
        assert_eq!(of(Arch::Aarch64, "fstatat"), None);
        assert_eq!(of(Arch::Aarch64, "clock_gettime64"), None);
        assert_eq!(of(Arch::X86_64, "mseal"), Some(462));
    }

    /// Check that a typo finds the name that was meant, and nonsense finds none.
    #[test]
    fn typos_find_the_nearest_name() {
        assert_eq!(nearest(Arch::X86_64, "opneat"), Some("openat"));
        assert_eq!(nearest(Arch::X86_64, "getpids"), Some("getpid"));
        assert_eq!(nearest(Arch::X86_64, "completely_unknown"), None);
    }
}
