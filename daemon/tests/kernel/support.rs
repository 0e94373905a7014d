//! Programs that call when told, folders for pins, and kernels to watch them with.
#![expect(clippy::expect_used, reason = "a helper that fails is a failed test")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use seccinch::kernel::{self, Executions, Happening, Kernel, LoadOptions, Slot, Source as _, Targets as _};
use seccinch::model::{Arch, SyscallNr};
use seccinch::syscalls;

use crate::bpf_fs;

/// For what has to happen at once, on a machine with other things to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

static ODD: LazyLock<PathBuf> = LazyLock::new(|| {
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("odd-{}", std::process::id()));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/processes/odd.c");
    let built =
        Command::new("cc").args(["-O1", "-Wall", "-Werror", "-pthread", "-o"]).arg(&out).arg(source).status();
    assert!(built.expect("a C compiler named cc").success(), "{source} does not compile");
    out
});

/// A copy of `odd`: a file that nobody else executes.
pub(crate) struct Program(PathBuf);

impl Program {
    pub(crate) fn new(name: &str) -> Self {
        let path = ODD.with_file_name(format!("{name}-{}", std::process::id()));
        // By another process: a child of another test could hold what we write, and then nobody can execute it.
        let copied = Command::new("cp").arg(&*ODD).arg(&path).status();
        assert!(copied.expect("cp runs").success(), "a program can be copied");
        Self(path)
    }

    /// Starts it; it calls so often at each word, and has done so once.
    pub(crate) fn start(&self, calls: u64) -> OnDemand {
        let mut command = Command::new(&self.0);
        command.args(["on-demand", &calls.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("odd starts");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut process = OnDemand { child, input: Some(input), output };
        // It is started before the kernel has told of its execution: not so once it answers.
        process.call("ready");
        process
    }

    /// Runs it to its end, with so many calls; says which process it was.
    pub(crate) fn run(&self, calls: u64) -> u32 {
        let mut child =
            Command::new(&self.0).args(["calls", &calls.to_string()]).spawn().expect("odd starts");
        assert!(child.wait().expect("odd ends").success());
        child.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A process that calls when told.
pub(crate) struct OnDemand {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl OnDemand {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets it call, and waits until it has. A number is the command of an `ioctl`.
    pub(crate) fn call(&mut self, word: &str) {
        let input = self.input.as_mut().expect("still open");
        writeln!(input, "{word}").expect("odd listens");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("odd answers");
        assert_eq!(line, "done\n");
    }

    pub(crate) fn end(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().expect("odd ends").success());
    }
}

impl Drop for OnDemand {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder for pins, cleared whatever happens.
pub(crate) struct PinFolder(PathBuf);

impl PinFolder {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("seccinch-test-{name}-{}", std::process::id());
        Self(bpf_fs::pin(&name).expect("a place for pins"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for PinFolder {
    fn drop(&mut self) {
        kernel::unload(&self.0).expect("pins can be removed");
    }
}

/// Options of a daemon, with its pins there.
pub(crate) fn pinned(pin: &Path) -> LoadOptions {
    LoadOptions { pin: Some(pin.into()), ..unpinned() }
}

/// Options of a daemon, without pins.
pub(crate) fn unpinned() -> LoadOptions {
    LoadOptions { executions: Executions::Provisional, ..LoadOptions::default() }
}

pub(crate) fn load(options: &LoadOptions) -> Kernel {
    Kernel::load(options).expect("the programs load: this needs root")
}

pub(crate) fn nr(name: &str) -> SyscallNr {
    syscalls::number(Arch::NATIVE, name).expect("a known call")
}

pub(crate) fn count(kernel: &Kernel, slot: Slot, name: &str) -> u64 {
    kernel.counts(slot).expect("counts can be read").get(nr(name))
}

/// All events that are there now.
pub(crate) fn events(kernel: &mut Kernel) -> Vec<Happening> {
    std::iter::from_fn(|| kernel.next_event()).collect()
}

/// Waits for the word that a process executed a file.
pub(crate) fn wait_for_exec(kernel: &mut Kernel, process: u32) -> Happening {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let is_it = |event: &Happening| matches!(event, Happening::Exec { tgid, .. } if *tgid == process);
        if let Some(found) = events(kernel).into_iter().find(is_it) {
            return found;
        }
        assert!(Instant::now() < deadline, "no word of the execution by {process}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Gives slots back until nobody is left in any of them.
pub(crate) fn give_back(kernel: &mut Kernel, mut slots: BTreeSet<Slot>) {
    let deadline = Instant::now() + PATIENCE;
    while !slots.is_empty() {
        slots = kernel.give_back(&slots).expect("slots can be given back");
        assert!(Instant::now() < deadline, "{slots:?} never empty");
    }
}

/// Waits for the kernel to wake us, does something meanwhile, and says for how long that was.
pub(crate) fn wait_for_wake(kernel: &Kernel, act: impl FnOnce()) -> Duration {
    let fd = kernel.as_fd().as_raw_fd();
    thread::scope(|scope| {
        let woken = scope.spawn(move || {
            let mut waiting = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
            #[expect(unsafe_code, reason = "std has no call for it")]
            // SAFETY: one entry, on our stack.
            let ready = unsafe { libc::poll(&raw mut waiting, 1, 2000) };
            assert_eq!(ready, 1, "not woken: {}", io::Error::last_os_error());
            Instant::now()
        });
        // It has to be asleep by then: records that are there already need nobody to wake it.
        thread::sleep(Duration::from_millis(20));
        let began = Instant::now();
        act();
        woken.join().expect("woken").duration_since(began)
    })
}
