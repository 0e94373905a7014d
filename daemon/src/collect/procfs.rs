//! What `/proc` says of processes. Parsers are pure; readers take the root that they were given.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use object::ReadCache;

use super::error::Error;
use crate::golang;
use crate::model::{Build, SyscallNr};

/// The kernel thread that starts all the others.
const KTHREADD: u32 = 2;

/// The process file system.
#[derive(Debug, Clone)]
pub struct ProcFs {
    root: PathBuf,
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

impl Default for ProcFs {
    fn default() -> Self {
        Self { root: "/proc".into() }
    }
}

impl ProcFs {
    /// A process file system mounted elsewhere.
    pub fn at(root: PathBuf) -> Self {
        Self { root }
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
        fs::read_to_string(self.file(tgid, "cgroup")).map(|text| parse_cgroups(&text))
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

    /// The path of a control group of version 2, by its folder's inode number; nothing if it is gone.
    pub fn unified_group(&self, number: u64) -> Option<String> {
        let root = self.unified_root()?;
        let folder = folder_by_inode(&root, number)?;
        Some(format!("/{}", folder.strip_prefix(&root).ok()?.display()))
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

    /// Whether a process is `runc init` or systemd's executor, which will execute another program.
    pub fn is_launcher(&self, tgid: u32) -> bool {
        let words = fs::read(self.file(tgid, "cmdline")).unwrap_or_default();
        is_launcher(&words)
    }

    /// The calls that a process's threads are inside of. Threads that run user code, or that end
    /// meanwhile, have none.
    pub fn in_flight(&self, tgid: u32) -> io::Result<Vec<InFlight>> {
        let threads = fs::read_dir(self.file(tgid, "task"))?;
        let calls = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("syscall")).ok());
        Ok(calls.filter_map(|text| parse_in_flight(&text)).collect())
    }

    /// Describes the file that a process executes, also when it was deleted or lies in another mount
    /// namespace. The leader of a process may have ended; any of its threads knows the file too.
    pub fn build(&self, tgid: u32) -> io::Result<Build> {
        let leader = self.file(tgid, "exe");
        let thread = || Some(fs::read_dir(self.file(tgid, "task")).ok()?.last()?.ok()?.path().join("exe"));
        let link = fs::read_link(&leader).is_err().then(thread).flatten().unwrap_or(leader);
        let path = fs::read_link(&link)?.to_string_lossy().into_owned();
        let path = path.strip_suffix(" (deleted)").map_or_else(|| path.clone(), str::to_owned);
        inspect_file(&link, path)
    }
}

/// Describes the executable in a file, which is shown as `path`.
pub(super) fn inspect_file(file: &Path, path: String) -> io::Result<Build> {
    let bytes = ReadCache::new(File::open(file)?);
    Ok(golang::inspect(path.clone(), &bytes).unwrap_or_else(|_| Build { path, ..Build::default() }))
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

fn folder_by_inode(folder: &Path, number: u64) -> Option<PathBuf> {
    if fs::metadata(folder).ok()?.ino() == number {
        return Some(folder.to_owned());
    }
    let entries = fs::read_dir(folder).ok()?.flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.into_iter().find_map(|entry| folder_by_inode(&entry.path(), number))
}

/// By `/proc/PID/cmdline`: runc executes a sealed copy of itself, so its file has no name to go by.
fn is_launcher(words: &[u8]) -> bool {
    let mut words = words.split(|byte| *byte == 0);
    let program = words.next().unwrap_or_default().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    match program {
        b"systemd-executor" => true,
        b"runc" | b"crun" | b"youki" => words.next() == Some(b"init"),
        _ => false,
    }
}

/// `cgroups(7)`: `hierarchy-ID:controller-list:cgroup-path`.
fn parse_cgroups(text: &str) -> Vec<Membership> {
    let parse = |line: &str| {
        let mut fields = line.splitn(3, ':');
        let is_unified = fields.next()? == "0";
        Some(Membership { is_unified, path: fields.nth(1)?.to_owned() })
    };
    text.lines().filter_map(parse).collect()
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

    /// Check that the runtimes' own processes are told from programs with such names or arguments.
    #[test]
    fn launchers_are_known_by_their_words() {
        assert!(is_launcher(b"runc\0init\0"));
        assert!(is_launcher(b"/usr/lib/systemd/systemd-executor\0--deserialize\0"));
        assert!(!is_launcher(b"runc\0run\0init\0"));
        assert!(!is_launcher(b"/sbin/init\0"));
        assert!(!is_launcher(b""));
    }

    /// Check that a cgroup path may hold colons.
    #[test]
    fn cgroup_paths_may_hold_colons() {
        let groups = parse_cgroups("1:name=systemd:/a:b\n0::/c\n");
        let groups: Vec<_> = groups.iter().map(|group| (group.is_unified, group.path.as_str())).collect();
        assert_eq!(groups, [(false, "/a:b"), (true, "/c")]);
    }
}
