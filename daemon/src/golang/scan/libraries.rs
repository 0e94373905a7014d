//! Which shared libraries a program loads, and where they lie: found as the dynamic linker finds them.
//!
//! Opens and reads nothing itself: that is done by whoever asks, in a folder that stands for the program's root.
//! `LD_LIBRARY_PATH` and `LD_PRELOAD` are the environment's, and not known here.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::Part;
use super::folders::Linker;
use crate::model::Linkage;

/// Names that are looked for; real Go programs load half a dozen libraries.
const MOST_NAMES: usize = 64;
/// Folders of those who lead to a library, and how long each may be: the kernel takes no longer path (`PATH_MAX`).
const MOST_FOLDERS: usize = 512;
const LONGEST_PATH: usize = 4096;
/// What `$LIB` stands for: the first in Debian's linker, the second in that of others.
const LIB: [&str; 2] = ["lib/x86_64-linux-gnu", "lib64"];
/// What musl's linker takes for itself, each before a dot (`ldso/dynlink.c`, `load_library`, 1.2.5).
const OF_MUSL: [&str; 7] = ["libc", "libpthread", "librt", "libm", "libdl", "libutil", "libxnet"];

/// What an executable or a library asks of the dynamic linker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// What it needs.
    pub linkage: Linkage,
    /// Folders in which that is looked for, also for libraries (`DT_RPATH`), as they are written in the file.
    pub rpath: Vec<String>,
    /// The same for this file alone (`DT_RUNPATH`): where it is there, `rpath` does not count.
    pub runpath: Option<Vec<String>>,
}

impl From<&Linkage> for Needs {
    fn from(linkage: &Linkage) -> Self {
        Self { linkage: linkage.clone(), ..Self::default() }
    }
}

/// A file that a program loads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<F> {
    /// Its name, as those that need it write it.
    pub name: String,
    /// What it is to the program.
    pub part: Part,
    /// The file; nothing if it was not found.
    pub file: Option<F>,
}

/// Where libraries of a program are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// What the program asks for.
    pub program: &'a Needs,
    /// The folder that the program lies in, below its root (`$ORIGIN`), if it is known.
    pub origin: Option<&'a Path>,
    /// What is looked in whoever needs a library: see [`super::folders`].
    pub system: &'a [PathBuf],
    /// How many files are opened at most.
    pub most: usize,
}

/// A name that is looked for, and the folders of those who need it.
struct Wanted {
    name: String,
    own: Rc<[PathBuf]>,
    inherited: Rc<[PathBuf]>,
}

impl Search<'_> {
    /// Finds the interpreter and everything that is needed, also by libraries. `open` opens a file by its path below
    /// the program's root, if it is there; `needs` says what a library needs in turn: one for another machine is none,
    /// and looked for further on.
    pub fn find<F>(
        &self,
        mut open: impl FnMut(&Path) -> Option<F>,
        mut needs: impl FnMut(&F) -> Option<Needs>,
    ) -> Vec<Found<F>> {
        let mut left = self.most;
        let mut open = |path: &Path| {
            let file = if left > 0 { open(path) } else { None };
            left -= usize::from(file.is_some());
            file
        };
        let mut found: Vec<Found<F>> = Vec::new();
        let interpreter = self.program.linkage.interpreter.as_deref();
        if let Some(path) = interpreter {
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            found.push(Found { name, part: Part::Loader, file: open(Path::new(path)) });
        }
        let linker = interpreter.map_or(Linker::Glibc, Linker::of);
        let mut pending: VecDeque<Wanted> =
            wanted(self.program, linker, self.origin, &Rc::from([])).collect();
        while let Some(one) = pending.pop_front().filter(|_| found.len() < MOST_NAMES) {
            let Wanted { name, own, inherited } = one;
            if found.iter().any(|known| known.name == name) || linker == Linker::Musl && is_of_musl(&name) {
                continue;
            }
            let folders = inherited.iter().chain(own.iter()).chain(self.system);
            let paths = folders.take_while(|_| !name.contains('/')).map(|folder| folder.join(&name));
            let absolute = name.starts_with('/').then(|| PathBuf::from(&name));
            let file = absolute.into_iter().chain(paths).find_map(|path| {
                let file = open(&path)?;
                let needs = needs(&file)?;
                pending.extend(wanted(&needs, linker, path.parent(), &inherited));
                Some(file)
            });
            found.push(Found { name, part: Part::Library, file });
        }
        found
    }
}

/// What a file needs, and where it is looked for. glibc looks in the folders of `DT_RPATH` of whoever led there, but
/// not if the one that needs the library has a `DT_RUNPATH`, which counts for itself alone (ld.so(8)); musl makes no
/// difference between the two.
fn wanted(
    needs: &Needs,
    linker: Linker,
    origin: Option<&Path>,
    inherited: &Rc<[PathBuf]>,
) -> impl Iterator<Item = Wanted> {
    let all = |folders: &[String]| folders.iter().flat_map(|one| expanded(one, origin)).collect::<Vec<_>>();
    let runpath = needs.runpath.as_deref().map(all);
    let (own, inherited): (Rc<[PathBuf]>, Rc<[PathBuf]>) = match (runpath, linker) {
        (Some(own), Linker::Glibc) => (own.into(), Rc::from([])),
        (runpath, _) => {
            let own = runpath.unwrap_or_else(|| all(&needs.rpath));
            (Rc::from([]), own.into_iter().chain(inherited.iter().cloned()).take(MOST_FOLDERS).collect())
        }
    };
    let names = needs.linkage.needed.clone().into_iter();
    names.map(move |name| Wanted { name, own: Rc::clone(&own), inherited: Rc::clone(&inherited) })
}

/// A folder of a file that lies in `origin`, with what `$ORIGIN`, `$LIB` and `$PLATFORM` stand for. One that is relative
/// to wherever the program is started is none.
fn expanded(folder: &str, origin: Option<&Path>) -> Vec<PathBuf> {
    let mut folder = folder.replace("${", "$").replace('}', "").replace("$PLATFORM", "x86_64");
    if folder.contains("$ORIGIN") {
        let Some(origin) = origin.and_then(Path::to_str) else { return Vec::new() };
        folder = folder.replace("$ORIGIN", origin);
    }
    let choices = if folder.contains("$LIB") { &LIB[..] } else { &LIB[..1] };
    let folders = choices.iter().map(|lib| PathBuf::from(folder.replace("$LIB", lib)));
    folders.filter(|folder| folder.is_absolute() && folder.as_os_str().len() <= LONGEST_PATH).collect()
}

fn is_of_musl(name: &str) -> bool {
    name.split_once('.').is_some_and(|(name, _)| OF_MUSL.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEM: [&str; 2] = ["/lib64", "/usr/lib"];

    fn needs(interpreter: Option<&str>, needed: &[&str]) -> Needs {
        let needed = needed.iter().map(|name| (*name).to_owned()).collect();
        Needs::from(&Linkage { interpreter: interpreter.map(str::to_owned), needed })
    }

    fn list(folders: &[&str]) -> Vec<String> {
        folders.iter().map(|folder| (*folder).to_owned()).collect()
    }

    /// What is found where these files are there, each with what it needs.
    fn found(program: &Needs, most: usize, files: &[(&str, Needs)]) -> Vec<(String, Option<String>)> {
        let system = SYSTEM.map(PathBuf::from);
        let search = Search { program, origin: Some(Path::new("/opt/app/bin")), system: &system, most };
        let file = |path: &Path| files.iter().find(|(file, _)| Path::new(file) == path);
        let open = |path: &Path| file(path).map(|(file, _)| (*file).to_owned());
        let needs = |path: &String| file(Path::new(path)).map(|(_, needs)| needs.clone());
        search.find(open, needs).into_iter().map(|found| (found.name, found.file)).collect()
    }

    fn expected(all: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
        all.iter().map(|(name, file)| ((*name).to_owned(), file.map(str::to_owned))).collect()
    }

    /// Check that libraries of libraries are found, each once, in the order of the folders, and that what is missing is
    /// told.
    #[test]
    fn what_is_needed_is_found() {
        let program = needs(Some("/lib64/ld.so"), &["libc.so.6", "libgone.so"]);
        let files = [
            ("/lib64/ld.so", needs(None, &[])),
            ("/usr/lib/libc.so.6", needs(None, &[])),
            ("/lib64/libc.so.6", needs(None, &["ld.so", "libm.so", "libc.so.6"])),
            ("/usr/lib/libm.so", needs(None, &[])),
        ];
        let all = [
            ("ld.so", Some("/lib64/ld.so")),
            ("libc.so.6", Some("/lib64/libc.so.6")),
            ("libgone.so", None),
            ("libm.so", Some("/usr/lib/libm.so")),
        ];
        assert_eq!(found(&program, 9, &files), expected(&all));
    }

    /// Check that the folders of `DT_RPATH` count for libraries too, those of `DT_RUNPATH` for one file alone, and that
    /// what stands for the file's own folder is put in.
    #[test]
    fn folders_of_files_are_looked_in() {
        let none = || needs(None, &[]);
        let files = [
            ("/opt/app/lib/liba.so", needs(None, &["libb.so"])),
            ("/opt/app/lib/libb.so", none()),
            ("/usr/lib/libb.so", none()),
            ("/opt/lib64/liba.so", none()),
        ];
        let with = |rpath: &[&str], runpath: Option<&[&str]>| Needs {
            rpath: list(rpath),
            runpath: runpath.map(list),
            ..needs(None, &["liba.so"])
        };
        let own = "$ORIGIN/../lib".replace("/..", "").replace("$ORIGIN", "/opt/app");
        let (a, b) = (("liba.so", Some("/opt/app/lib/liba.so")), "libb.so");
        let rpath = with(&[&own], None);
        assert_eq!(found(&rpath, 9, &files), expected(&[a, (b, Some("/opt/app/lib/libb.so"))]));
        let runpath = with(&["/opt/other"], Some(&[&own]));
        assert_eq!(found(&runpath, 9, &files), expected(&[a, (b, Some("/usr/lib/libb.so"))]));
        let musl = Needs {
            linkage: Linkage {
                interpreter: Some("/lib/ld-musl-x86_64.so.1".into()),
                needed: list(&["liba.so", "libc.so"]),
            },
            ..runpath
        };
        let loader = ("ld-musl-x86_64.so.1", None);
        assert_eq!(found(&musl, 9, &files), expected(&[loader, a, (b, Some("/opt/app/lib/libb.so"))]));
        let lib = with(&[], Some(&["relative", "/opt/${LIB}"]));
        assert_eq!(found(&lib, 9, &files), expected(&[("liba.so", Some("/opt/lib64/liba.so"))]));
    }

    /// Check that what stands for the file's own folder is put in, and that without it there is no such folder.
    #[test]
    fn the_own_folder_is_put_in() {
        let origin = Some(Path::new("/opt/app/bin"));
        for folder in ["$ORIGIN/../lib", "${ORIGIN}/../lib"] {
            assert_eq!(expanded(folder, origin), [PathBuf::from("/opt/app/bin/../lib")]);
            assert_eq!(expanded(folder, None), Vec::<PathBuf>::new());
        }
    }

    /// Check that a file for another machine is passed over for the next one.
    #[test]
    fn libraries_for_other_machines_are_passed_over() {
        let program = needs(None, &["libc.so.6"]);
        let system = SYSTEM.map(PathBuf::from);
        let search = Search { program: &program, origin: None, system: &system, most: 9 };
        let fits = |path: &PathBuf| path.starts_with("/usr").then(Needs::default);
        let found = search.find(|path| Some(path.to_owned()), fits);
        assert_eq!(found[0].file, Some("/usr/lib/libc.so.6".into()));
    }

    /// Check that no more files are opened than may be, and that the others are told as missing.
    #[test]
    fn files_are_bounded() {
        let program = needs(None, &["libc.so.6", "libm.so"]);
        let files = [("/usr/lib/libc.so.6", needs(None, &[])), ("/usr/lib/libm.so", needs(None, &[]))];
        let files: Vec<_> = found(&program, 1, &files).into_iter().map(|(_, file)| file.is_some()).collect();
        assert_eq!(files, [true, false]);
    }

    /// Check that a chain of libraries that never ends does.
    #[test]
    fn names_are_bounded() {
        let mut count = 0;
        let next = |(): &()| {
            count += 1;
            Some(needs(None, &[&format!("lib{count}.so")]))
        };
        let program = needs(None, &["lib0.so"]);
        let system = SYSTEM.map(PathBuf::from);
        let search = Search { program: &program, origin: None, system: &system, most: usize::MAX };
        assert_eq!(search.find(|_| Some(()), next).len(), MOST_NAMES);
    }
}
