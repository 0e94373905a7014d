//! What `/proc` says of processes. Parsers are pure; readers take the root that they were given.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::Error;
use crate::files::{Place, Root};
use crate::inspect::{Inspector, Patience};
use crate::kernel::FileKey;
use crate::model::{Build, SyscallNr};
use crate::sys;

/// Where the kernel's own is mounted.
const REAL: &str = "/proc";

/// The kernel thread that starts all the others.
const KTHREADD: u32 = 2;

/// The process file system, and who reads the files that it leads to.
#[derive(Debug, Clone)]
pub struct ProcFs {
    root: PathBuf,
    inspector: Inspector,
}

/// A call that a thread was inside of when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InFlight {
    /// The call.
    pub nr: SyscallNr,
    /// Its arguments.
    pub arguments: [u64; 6],
}

/// A control group that a process is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Whether it is in the one hierarchy of version 2.
    pub is_unified: bool,
    /// Its path below the root of its hierarchy.
    pub path: String,
}

impl Membership {
    /// Those in the text of `/proc/PID/cgroup`, `cgroups(7)`: `hierarchy-ID:controller-list:cgroup-path`.
    pub fn parse(text: &str) -> Vec<Self> {
        let parse = |line: &str| {
            let mut fields = line.splitn(3, ':');
            let is_unified = fields.next()? == "0";
            Some(Self { is_unified, path: fields.nth(1)?.to_owned() })
        };
        text.lines().filter_map(parse).collect()
    }
}

impl Default for ProcFs {
    fn default() -> Self {
        Self::at(REAL.into())
    }
}

impl ProcFs {
    /// A process file system mounted elsewhere.
    pub fn at(root: PathBuf) -> Self {
        Self { root, inspector: Inspector::local() }
    }

    /// Has executables read by somebody else than this process.
    #[must_use]
    pub fn inspected_by(self, inspector: Inspector) -> Self {
        Self { inspector, ..self }
    }

    /// Somebody of the same kind who reads files, and whom nobody else asks.
    pub(super) fn another_inspector(&self) -> Inspector {
        self.inspector.another()
    }

    /// Somebody who scans files and gets in nobody's way; nothing if files are read in this process.
    pub(super) fn idle_inspector(&self) -> Option<Inspector> {
        self.inspector.idle(Patience::IDLE)
    }

    fn file(&self, tgid: u32, name: &str) -> PathBuf {
        self.root.join(tgid.to_string()).join(name)
    }

    /// Every process, in ascending order.
    pub fn processes(&self) -> io::Result<BTreeSet<u32>> {
        let entries = fs::read_dir(&self.root)?;
        Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
    }

    /// Parents of all processes that are there.
    pub fn parents(&self) -> io::Result<BTreeMap<u32, u32>> {
        let processes = self.processes()?.into_iter();
        Ok(processes.filter_map(|tgid| Some((tgid, self.stat(tgid).ok()?.parent))).collect())
    }

    /// A process's parent and age.
    pub fn stat(&self, tgid: u32) -> io::Result<Stat> {
        let text = fs::read_to_string(self.file(tgid, "stat"))?;
        parse_stat(&text).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// How long ago the system started.
    pub fn uptime(&self) -> io::Result<Duration> {
        let text = fs::read_to_string(self.root.join("uptime"))?;
        let seconds = text.split(' ').next().and_then(|word| word.parse::<f64>().ok());
        seconds.map(Duration::from_secs_f64).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// The control groups of a process.
    pub fn cgroups(&self, tgid: u32) -> io::Result<Vec<Membership>> {
        fs::read_to_string(self.file(tgid, "cgroup")).map(|text| Membership::parse(&text))
    }

    /// Checks that an id is that of a process that runs a program: no thread's, no kernel thread's.
    pub fn check_process(&self, pid: u32) -> Result<(), Error> {
        let status = fs::read_to_string(self.file(pid, "status")).map_err(|_| Error::NoProcess { pid })?;
        let number =
            |key: &str| status.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u32>().ok());
        match number("Tgid:") {
            Some(process) if process != pid => Err(Error::Thread { pid, process }),
            // Linux 6.8 and newer say it; kernel threads are kthreadd or its children anyway.
            _ if number("Kthread:") == Some(1) || pid == KTHREADD || number("PPid:") == Some(KTHREADD) => {
                Err(Error::KernelThread { pid })
            }
            _ => Ok(()),
        }
    }

    /// The paths of the control groups of version 2 by the inode numbers of their folders, at most so many, the outer
    /// ones first.
    pub fn unified_groups(&self, most: usize) -> BTreeMap<u64, String> {
        self.unified_root().map(|root| folders(&root, most)).unwrap_or_default()
    }

    /// The inode number of the root of version 2's hierarchy.
    pub fn unified_root_number(&self) -> Option<u64> {
        Some(fs::metadata(self.unified_root()?).ok()?.ino())
    }

    fn unified_root(&self) -> Option<PathBuf> {
        let mounts = fs::read_to_string(self.root.join("self/mounts")).ok()?;
        mounts.lines().map(|line| line.split(' ')).find_map(|mut fields| {
            let place = fields.nth(1)?;
            (fields.next()? == "cgroup2").then(|| PathBuf::from(place))
        })
    }

    /// The words that a process was executed with, each ended by NUL.
    pub(super) fn command_line(&self, tgid: u32) -> Vec<u8> {
        fs::read(self.file(tgid, "cmdline")).unwrap_or_default()
    }

    /// The calls that a process's threads are inside of. Threads that run user code, or that end
    /// meanwhile, have none.
    pub fn in_flight(&self, tgid: u32) -> io::Result<Vec<InFlight>> {
        let threads = fs::read_dir(self.file(tgid, "task"))?;
        let calls = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("syscall")).ok());
        Ok(calls.filter_map(|text| parse_in_flight(&text)).collect())
    }

    /// Describes the file that a process executes, also when it was deleted or lies in another mount
    /// namespace.
    pub fn build(&self, tgid: u32) -> io::Result<Build> {
        let Executable { link, path, .. } = self.executable(tgid)?;
        match self.inspect(&link, path.clone()) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Ok(Build { path, ..Build::default() })
            }
            described => described,
        }
    }

    /// The file that a process executes. The leader of a process may have ended; any of its threads knows the
    /// file too.
    pub(super) fn executable(&self, tgid: u32) -> io::Result<Executable> {
        let leader = self.file(tgid, "exe");
        let thread = || Some(fs::read_dir(self.file(tgid, "task")).ok()?.last()?.ok()?.path().join("exe"));
        let link = fs::read_link(&leader).is_err().then(thread).flatten().unwrap_or(leader);
        let path = fs::read_link(&link)?.to_string_lossy().into_owned();
        let (path, is_nameless) = match path.strip_suffix(" (deleted)") {
            Some(name) => (name.to_owned(), true),
            None => (path, false),
        };
        Ok(Executable { link, path, is_nameless })
    }

    /// The executable of a process, whatever became of its name.
    pub(super) fn open_executable(&self, tgid: u32) -> io::Result<File> {
        File::open(self.executable(tgid)?.link)
    }

    /// Holds the executable of a process, whatever becomes of its name, without opening it.
    pub(super) fn hold_executable(&self, tgid: u32) -> io::Result<Place> {
        Place::at(&self.executable(tgid)?.link)
    }

    /// The root of a process's file system.
    pub(super) fn file_system(&self, tgid: u32) -> io::Result<Root> {
        Root::at(&self.file(tgid, "root"))
    }

    /// Describes the executable in a file, which is shown as `path`. A file of another kind is no Go program; of one
    /// that is damaged, or that can't be read to its end, that can't be said, and it is an error
    /// ([`io::ErrorKind::InvalidData`]).
    pub(super) fn inspect(&self, file: &Path, path: String) -> io::Result<Build> {
        let described = self.inspector.describe(path, open_regular(file)?);
        described.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Describes the file of a name, if it still is the one that was executed.
    pub(super) fn build_of_file(&self, name: &str, key: &FileKey) -> Option<Build> {
        let path = path_of_file(name, key)?;
        self.inspect(Path::new(&path), path.clone()).ok()
    }

    /// Whether a process is the one of this id, or reads executables for it.
    pub(super) fn is_of(&self, tgid: u32, own: Option<u32>) -> bool {
        own == Some(tgid) || self.inspector.is_worker(tgid)
    }

    /// This very process, as this file system numbers it.
    pub(super) fn own_process(&self) -> Option<u32> {
        fs::read_link(self.root.join("self")).ok()?.to_str()?.parse().ok()
    }

    /// Holds on to a process, to ask later whether it is still the same; nothing if it has ended.
    pub(super) fn hold(&self, tgid: u32) -> io::Result<Option<Held>> {
        if self.root != Path::new(REAL) {
            return Ok(self.stat(tgid).ok().map(|stat| Held::Seen { procfs: self.clone(), tgid, stat }));
        }
        match sys::pidfd_open(tgid) {
            Ok(pidfd) => Ok(Some(Held::Descriptor(pidfd))),
            Err(source) if source.raw_os_error() == Some(libc::ESRCH) => Ok(None),
            Err(source) => Err(source),
        }
    }
}

/// The file that a process executes.
#[derive(Debug)]
pub(super) struct Executable {
    /// What leads to the file itself, wherever it lies.
    pub(super) link: PathBuf,
    /// Its path, as the process's mount namespace has it.
    pub(super) path: String,
    /// Whether the path leads to it no more, or never did.
    pub(super) is_nameless: bool,
}

/// A process that was there once.
#[derive(Debug)]
pub(super) enum Held {
    /// In the kernel.
    Descriptor(OwnedFd),
    /// In files.
    Seen { procfs: ProcFs, tgid: u32, stat: Stat },
}

impl Held {
    /// Whether it has not ended.
    pub(super) fn is_alive(&self) -> bool {
        match self {
            Self::Descriptor(pidfd) => sys::pidfd_is_alive(pidfd),
            Self::Seen { procfs, tgid, stat } => procfs.stat(*tgid).is_ok_and(|now| now == *stat),
        }
    }
}

impl Executable {
    /// The file, of which nothing but the path is known.
    pub(super) fn unread(self) -> Build {
        Build { path: self.path, ..Build::default() }
    }

    /// Whether the path leads to the very file in our own mount namespace too. Others may have mounted it elsewhere.
    pub(super) fn is_ours(&self) -> bool {
        let identity = |file: &Path| fs::metadata(file).map(|file| (file.dev(), file.ino())).ok();
        let file = identity(&self.link);
        !self.is_nameless && file.is_some() && file == identity(Path::new(&self.path))
    }
}

/// Opens a file by a name that others chose: nothing that is not a file, and without waiting for anybody.
pub(super) fn open_regular(path: impl AsRef<Path>) -> io::Result<File> {
    Place::at(path.as_ref())?.open()
}

/// The path of the file of a name, if it still is the one that was executed.
pub(super) fn path_of_file(name: &str, key: &FileKey) -> Option<String> {
    let path = fs::canonicalize(name).ok()?;
    let metadata = fs::metadata(&path).ok()?;
    let is_same = metadata.ino() == key.inode && metadata.len() == key.size;
    is_same.then(|| path.to_string_lossy().into_owned())
}

/// From `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// The parent process.
    pub parent: u32,
    /// When it started, after the system did, in clock ticks (`USER_HZ`, always 100 on our architectures).
    pub start_ticks: u64,
}

impl Stat {
    /// When it started, after the system did.
    pub fn start(&self) -> Duration {
        Duration::from_millis(self.start_ticks * 10)
    }
}

/// `proc_pid_stat(5)`: the name may hold spaces and parentheses, so fields count from the last `)`.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let parent = fields.nth(1)?.parse().ok()?;
    let start_ticks = fields.nth(17)?.trim().parse().ok()?;
    Some(Stat { parent, start_ticks })
}

/// Of a folder without folders in it, where links to folders are counted, as in kernfs (`fs/kernfs/inode.c`, v6.6,
/// `kernfs_refresh_inode`).
const LINKS_OF_LEAF: u64 = 2;

/// The folders at and below one, by their inode numbers.
fn folders(root: &Path, most: usize) -> BTreeMap<u64, String> {
    let mut found = BTreeMap::new();
    let mut waiting: VecDeque<_> =
        fs::metadata(root).map(|root| (root.ino(), PathBuf::new())).into_iter().collect();
    while let Some((number, folder)) = waiting.pop_front() {
        let path = root.join(&folder);
        // A group has dozens of files, which need not be listed to know that there is no folder among them.
        let is_leaf = fs::metadata(&path).is_ok_and(|folder| folder.nlink() == LINKS_OF_LEAF);
        let entries = (!is_leaf).then(|| fs::read_dir(path).ok()).flatten();
        for entry in entries.into_iter().flatten().flatten() {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && found.len() + waiting.len() + 1 < most {
                waiting.push_back((entry.ino(), folder.join(entry.file_name())));
            }
        }
        found.insert(number, format!("/{}", folder.display()));
    }
    found
}

/// `proc_pid_syscall(5)`: number and six arguments, `-1 …` when blocked outside a call, or `running`.
fn parse_in_flight(text: &str) -> Option<InFlight> {
    let mut fields = text.split_whitespace();
    let nr = SyscallNr::new(fields.next()?.parse().ok()?)?;
    let mut arguments = [0; 6];
    for argument in &mut arguments {
        *argument = u64::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok()?;
    }
    Some(InFlight { nr, arguments })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that a name with spaces and parentheses does not shift the fields.
    #[test]
    fn stat_is_read_behind_any_name() {
        let rest = "S 41 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9876 1 2";
        let expected = Some(Stat { parent: 41, start_ticks: 9876 });
        assert_eq!(parse_stat(&format!("42 (a) b (c)) {rest}")), expected);
        assert_eq!(parse_stat("42 (a"), None);
    }

    /// Check each form of `/proc/PID/syscall`.
    #[test]
    fn calls_in_flight_are_read() {
        let call = parse_in_flight("281 0x4 0xc000 0x80 0xffff 0x0 0x1 0x7ffc 0x4637a4\n").unwrap();
        assert_eq!((call.nr.get(), call.arguments[5]), (281, 1));
        assert_eq!(parse_in_flight("running\n"), None);
        assert_eq!(parse_in_flight("-1 0x7ffc 0x4637a4\n"), None);
    }

    /// Check that a cgroup path may hold colons.
    #[test]
    fn cgroup_paths_may_hold_colons() {
        let groups = Membership::parse("1:name=systemd:/a:b\n0::/c\n");
        let groups: Vec<_> = groups.iter().map(|group| (group.is_unified, group.path.as_str())).collect();
        assert_eq!(groups, [(false, "/a:b"), (true, "/c")]);
    }
}
