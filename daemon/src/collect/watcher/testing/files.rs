//! Folders that look like `/proc`, like a file system with programs, and like a runtime's state.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::script::{Script, time};
use crate::collect::watcher::{Poll, Watcher};
use crate::collect::{Discovery, ProcFs, Runtimes};
use crate::model::{Delta, Ledger, Timestamp, WorkloadId};

/// A host.
pub(crate) struct World {
    root: TempDir,
    pub(crate) script: Script,
}

impl World {
    pub(crate) fn new() -> Self {
        // Not below `/tmp`: programs there are passed over.
        let beside = std::env::current_exe().unwrap().parent().unwrap().to_owned();
        let root = tempfile::tempdir_in(beside).unwrap();
        fs::create_dir_all(root.path().join("proc")).unwrap();
        fs::write(root.path().join("proc/uptime"), "10000.00 1.00\n").unwrap();
        Self { root, script: Script::new("epoch") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn program(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A Go program; gives its path.
    pub(crate) fn go(&self, name: &str) -> String {
        self.program(name, &go_program())
    }

    /// Another program; gives its path.
    pub(crate) fn other(&self, name: &str) -> String {
        self.program(name, &elf(&[]))
    }

    /// A process that runs: started when the system was `ticks` hundredths of a second old.
    pub(crate) fn runs(&self, pid: u32, parent: u32, program: &str, group: &str, ticks: u64) {
        let folder = self.path("proc").join(pid.to_string());
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join(format!("task/{pid}"))).unwrap();
        let stat = format!("{pid} (x) S {parent} 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 {ticks} 1 2");
        fs::write(folder.join("stat"), stat).unwrap();
        fs::write(folder.join("status"), format!("Tgid:\t{pid}\nPPid:\t{parent}\n")).unwrap();
        fs::write(folder.join("cgroup"), format!("0::{group}\n")).unwrap();
        fs::write(folder.join("cmdline"), format!("{program}\0")).unwrap();
        fs::write(folder.join(format!("task/{pid}/syscall")), "running\n").unwrap();
        symlink(program, folder.join("exe")).unwrap();
        symlink("/", folder.join("root")).unwrap();
    }

    /// It is blocked inside a call.
    pub(crate) fn is_inside(&self, pid: u32, call: &str) {
        fs::write(self.path("proc").join(format!("{pid}/task/{pid}/syscall")), call).unwrap();
    }

    /// Its words are others than its program's name.
    pub(crate) fn is_called(&self, pid: u32, words: &str) {
        fs::write(self.path("proc").join(format!("{pid}/cmdline")), words).unwrap();
    }

    /// It has ended.
    pub(crate) fn gone(&self, pid: u32) {
        fs::remove_dir_all(self.path("proc").join(pid.to_string())).unwrap();
    }

    /// This is us.
    pub(crate) fn we_are(&self, pid: u32) {
        symlink(pid.to_string(), self.path("proc/self")).unwrap();
    }

    /// A container of a pod, as containerd keeps it.
    pub(crate) fn container(&self, id: &str, pod: &str, first: u32) {
        let folder = self.path("containerd/io.containerd.runtime.v2.task/k8s.io").join(id);
        fs::create_dir_all(&folder).unwrap();
        let config = format!(
            r#"{{"annotations": {{"io.kubernetes.cri.container-name": "app", "io.kubernetes.cri.sandbox-name":
            "{pod}", "io.kubernetes.cri.sandbox-namespace": "shop"}}}}"#
        );
        fs::write(folder.join("config.json"), config).unwrap();
        fs::write(folder.join("init.pid"), first.to_string()).unwrap();
    }

    /// Runs a process, and has the kernel side see it execute its program.
    pub(crate) fn starts(&self, pid: u32, slot: u16, program: &str, group: &str, at: Timestamp) {
        self.runs(pid, 1, program, group, 900_000 + u64::from(pid));
        self.script.exec(pid, super::slot(slot), inode(program), program, at);
    }

    /// Ends a process.
    pub(crate) fn ends(&self, pid: u32, at: Timestamp) {
        self.gone(pid);
        self.script.exit(pid, at);
    }

    pub(crate) fn watch(&self, discovery: Discovery) -> Watcher<Script> {
        self.watch_on(self.script.clone(), discovery, Vec::new(), time(0))
    }

    pub(crate) fn watch_on(
        &self,
        script: Script,
        discovery: Discovery,
        ledgers: Vec<(WorkloadId, Ledger)>,
        now: Timestamp,
    ) -> Watcher<Script> {
        let (procfs, runtimes) = (ProcFs::at(self.path("proc")), Runtimes::at(self.path("containerd")));
        Watcher::new(script, procfs, runtimes, discovery, ledgers, now).unwrap()
    }
}

pub(crate) fn inode(program: &str) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(Path::new(program)).unwrap().ino()
}

impl Poll {
    /// The one workload that something happened to.
    pub(crate) fn only(&self) -> &Delta {
        assert_eq!(self.deltas.len(), 1, "{:?}", self.deltas);
        &self.deltas[0]
    }
}

/// A program's header, and one writable segment of these bytes.
fn elf(data: &[u8]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    file.extend([0; 8]);
    file.extend(64_u64.to_le_bytes());
    file.extend([0; 12]);
    file.extend([64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0]);
    file.extend([1, 0, 0, 0, 6, 0, 0, 0]);
    let size = data.len() as u64;
    for field in [128, 0, 0, size, size, 16] {
        file.extend(field.to_le_bytes());
    }
    file.resize(128, 0);
    file.extend(data);
    file
}

/// With the blob that the Go linker leaves in every program.
fn go_program() -> Vec<u8> {
    let mut blob = b"\xff Go buildinf:\x08\x02".to_vec();
    blob.resize(32, 0);
    blob.push(8);
    blob.extend(b"go1.27.3");
    blob.push(32);
    blob.extend([0; 32]);
    elf(&blob)
}
