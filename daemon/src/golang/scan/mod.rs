//! Which system calls a Go program can ever make: an executable's bytes in, numbers with evidence out.
//!
//! At every `SYSCALL` instruction the number is traced backwards. A function that gets it from its callers is a wrapper,
//! and its callers are looked at in turn, until no new wrapper is found. What can't be traced is told, never dropped.
//! Machine code is turned into the few operations of [`ir`] by a front end per architecture ([`amd64`]); nothing else
//! knows the architecture. Two passes keep memory small: the first looks for calls without decoding anything, the
//! second decodes only functions with a `SYSCALL` and callers of wrappers.

mod amd64;
mod attribution;
mod child;
mod dynamic;
mod flow;
pub mod folders;
mod globals;
mod ir;
mod libc;
pub mod libraries;
mod paths;
mod program;
mod reachable;
mod resolve;
mod returns;
mod spread;
mod text;
mod unwind;
mod wrappers;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

pub use paths::{Condition, Gate, Path, Paths};
pub use reachable::by_interest;
pub use resolve::Lost;
pub use wrappers::Why;

use super::image::{self, Image};
use super::pclntab::{self, Table};
use crate::model::{Arch, GoBuild, SyscallNr};
use crate::syscalls;
use dynamic::Dynamic;
use libc::Object;
use text::{Language, Text};
use wrappers::{Found, Numbers};

/// Why a program can't be scanned.
#[derive(Debug, Error)]
pub enum Error {
    /// Not an executable that is known here.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// An executable for an architecture without a front end.
    #[error("the program is for {}: arm64 is not scanned yet, only x86-64 is", .0.name())]
    Arch(Arch),
    /// An executable without Go's function table.
    #[error(transparent)]
    Table(#[from] pclntab::Error),
}

/// Where each call is made.
type Sites = BTreeMap<SyscallNr, BTreeSet<Found>>;

/// What a program can ask of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The architecture it is for.
    pub arch: Arch,
    /// What the Go linker left in it.
    pub go: Option<GoBuild>,
    /// How many functions it has.
    pub functions: usize,
    /// Every call that it can make.
    pub syscalls: BTreeMap<SyscallNr, Reach>,
    /// Calls with a number that could not be found out.
    pub unresolved: Vec<Unresolved>,
    /// Parts of the program that could not be looked at.
    pub gaps: BTreeSet<String>,
}

/// How a program can make one system call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    /// Whose code makes it.
    pub origins: BTreeSet<Origin>,
    /// Every place where it is made.
    pub sites: Vec<Site>,
    /// The Go packages that hold a site, and the first ones outside the standard library that lead to one by direct
    /// calls.
    pub packages: BTreeSet<String>,
    /// It is made only between fork and exec, for options of `os/exec` (`SysProcAttr`) that few programs set.
    pub is_optional: bool,
}

/// Whose code makes a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Go code of the program.
    Go,
    /// Other code that is linked into the program.
    Program,
    /// The C library, or another one that the program needs.
    Libc,
    /// The dynamic linker.
    Loader,
    /// It is made for every program: by whoever starts it, or by the kernel.
    Always,
}

/// A place at which a system call is made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// The function that sets the number.
    pub function: String,
    /// Its instruction that calls the kernel, or the first function on the way there.
    pub address: u64,
    /// The functions that hand the number on, the one that calls the kernel last.
    pub wrappers: Vec<String>,
    /// Whose code it is.
    pub origin: Origin,
    /// The library that it is in; nothing for the program itself.
    pub library: Option<String>,
}

/// A system call whose number could not be found out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unresolved {
    /// Where it is made.
    pub site: Site,
    /// Where the trace of the number ends: an instruction, a variable, or a function value.
    pub from: u64,
    /// Why it ends there.
    pub why: Why,
}

/// A shared library that a program loads, or the dynamic linker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// Its name, as those that need it write it.
    pub name: String,
    /// Which of the two it is.
    pub part: Part,
    /// The file; nothing if it was not found.
    pub bytes: Option<Vec<u8>>,
}

/// What a file is to a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The program interpreter, `ld.so`.
    Loader,
    /// A library that is needed.
    Library,
}

/// Bytes of the names of functions that are told; the rest is told by address. Real programs have some 100 KiB.
const MOST_NAME_BYTES: usize = 1 << 24;

/// What every program needs whatever its code is, and why.
pub const ALWAYS: [(&str, &str); 4] = [
    ("execve", "whoever starts the program executes it under the filter"),
    ("exit_group", "the kernel and the runtime end processes by it"),
    ("restart_syscall", "the kernel goes on with an interrupted call by it"),
    ("rt_sigreturn", "the kernel returns from signal handlers by it"),
];

/// Finds out which system calls the program in `file` can make, with the `libraries` that it loads.
///
/// # Errors
/// It is no ELF file, or for an architecture that is not scanned, or not built by Go.
pub fn scan(file: &[u8], libraries: &[Library]) -> Result<Scan, Error> {
    scan_and(file, libraries, |_, _| ()).map(|(scan, ())| scan)
}

/// The same, and the ways on which the program's Go code comes to its calls.
///
/// # Errors
/// As [`scan`].
pub fn scan_with_paths(file: &[u8], libraries: &[Library]) -> Result<(Scan, Paths), Error> {
    scan_and(file, libraries, |text, found| paths::paths(text, Arch::X86_64, found))
}

/// Scans, and looks for more while the program's code is at hand.
fn scan_and<T>(
    file: &[u8],
    libraries: &[Library],
    more: impl FnOnce(&Text<'_>, &Sites) -> T,
) -> Result<(Scan, T), Error> {
    let image = Image::parse(file)?;
    if image.arch() != Arch::X86_64 {
        return Err(Error::Arch(image.arch()));
    }
    let table = Table::find(&image)?;
    let (dynamic, is_whole) = Dynamic::read(&image).map_or_else(Default::default, |dynamic| (dynamic, true));
    let objects: Vec<_> = libraries.iter().filter_map(|library| Object::read(library, &image)).collect();
    let texts: Vec<_> = objects.iter().map(Object::text).collect();
    let (of_libraries, shared) = libc::numbers(&objects, &texts, &dynamic);
    let text = Text::new(&image, program::functions(&image, &table, &libc::foreign(&image, &dynamic)));
    let mut numbers = wrappers::numbers(&text, &|_| true, &libc::seeds(&dynamic, &text, &shared));
    wrappers::uncalled(&text, &mut numbers, |start| dynamic.defined.contains_key(&start));
    let go = super::inspect(String::new(), file).ok().and_then(|build| build.go);
    let mut scan = Scan {
        arch: image.arch(),
        go,
        functions: text.functions().len(),
        syscalls: BTreeMap::new(),
        unresolved: Vec::new(),
        gaps: BTreeSet::new(),
    };
    let found = scan.take_in_program(&text, numbers);
    for ((object, text), numbers) in objects.iter().zip(&texts).zip(of_libraries) {
        let origin = match object.library.part {
            Part::Loader => Origin::Loader,
            Part::Library => Origin::Libc,
        };
        scan.take_in(text, numbers, Some(&object.library.name), |_| origin);
    }
    if !is_whole {
        scan.gaps.insert(
            "the program: more dynamic symbols or relocations than are followed, or damaged ones".to_owned(),
        );
    }
    scan.gaps.extend(gaps(libraries, &objects));
    scan.finish();
    let more = more(&text, &found);
    Ok((scan, more))
}

/// The libraries that were not looked at.
fn gaps(libraries: &[Library], objects: &[Object<'_>]) -> BTreeSet<String> {
    let is_read = |library: &Library| objects.iter().any(|object| object.library.name == library.name);
    let gap = |library: &Library| match library.bytes {
        None => format!("{}: not found", library.name),
        Some(_) => format!("{}: damaged, or no library for the program's architecture", library.name),
    };
    libraries.iter().filter(|library| !is_read(library)).map(gap).collect()
}

impl Scan {
    fn take_in_program(&mut self, text: &Text<'_>, numbers: Numbers) -> Sites {
        let origin = |found: &Found| match text.function(found.function).language {
            Language::Go => Origin::Go,
            Language::C => Origin::Program,
        };
        let found = self.take_in(text, numbers, None, origin);
        let attributed = attribution::packages(text, &found);
        for (nr, packages) in attributed.packages {
            self.syscalls.entry(nr).or_default().packages.extend(packages);
        }
        if attributed.is_cut {
            self.gaps.insert("the program: more packages, or ways to them, than are followed".to_owned());
        }
        found
    }

    /// Adds what was found in one file, and returns it by number.
    fn take_in(
        &mut self,
        text: &Text<'_>,
        numbers: Numbers,
        library: Option<&str>,
        origin: impl Fn(&Found) -> Origin,
    ) -> Sites {
        if text.is_cut() {
            let file = library.unwrap_or("the program");
            self.gaps.insert(format!("{file}: more calls between functions than are followed"));
        }
        // Names can be long, and one function can be told of again and again.
        let left = Cell::new(MOST_NAME_BYTES);
        let name = |id: &u32| {
            let function = text.function(*id);
            match left.get().checked_sub(function.name.len()) {
                Some(rest) => {
                    left.set(rest);
                    function.name.clone().into_owned()
                }
                None => format!("{:#x}", function.range.start),
            }
        };
        let site = |found: &Found| Site {
            function: name(&found.function),
            address: found.address,
            wrappers: found.wrappers.iter().map(name).collect(),
            origin: origin(found),
            library: library.map(str::to_owned),
        };
        let mut known = BTreeMap::new();
        for (number, sites) in numbers.found {
            let Some(nr) = u16::try_from(number).ok().and_then(SyscallNr::new) else {
                let unresolved =
                    |found| Unresolved { site: site(found), from: found.address, why: Why::NoNumber };
                self.unresolved.extend(sites.iter().map(unresolved));
                continue;
            };
            let reach = self.syscalls.entry(nr).or_default();
            reach.origins.extend(sites.iter().map(&origin));
            reach.sites.extend(sites.iter().map(site));
            known.insert(nr, sites);
        }
        let missing = numbers.missing.iter();
        self.unresolved.extend(missing.map(|missing| Unresolved {
            site: site(&missing.call),
            from: missing.from,
            why: missing.why,
        }));
        known
    }

    /// What does not depend on the code, and what depends on all of it.
    fn finish(&mut self) {
        let arch = self.arch;
        for (&nr, reach) in &mut self.syscalls {
            let name = syscalls::display_name(arch, nr);
            reach.is_optional = reach.sites.iter().all(|site| child::is_optional(&site.function, &name));
        }
        for nr in ALWAYS.iter().filter_map(|(name, _)| syscalls::number(arch, name)) {
            let reach = self.syscalls.entry(nr).or_default();
            reach.origins.insert(Origin::Always);
            reach.is_optional = false;
        }
    }
}
