//! A machine in QEMU, and someone at its second serial line who runs what is asked of it.
//!
//! Emulated in software: nothing of the host's kernel is in it, and no host needs to lend its processor.

use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::image::Image;
use crate::support::fixtures;
use crate::support::poll;
use crate::support::process::Process;

/// How long a command may take, and the boot, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_mins(3);

/// Ends an answer, before the exit status and the end of the line: the record separator, which no text has.
const END: u8 = 0x1e;

/// Runs every line that comes, and ends what it said with its status. Once at the start, to say that it is there.
const AGENT: &str = r#"#!/bin/bash
exec < /dev/ttyS1 > /dev/ttyS1 2>&1
stty raw -echo
printf '\0360\n'
while IFS= read -r line; do
    (eval "$line") < /dev/null
    printf '\036%d\n' $?
done
"#;

const AGENT_UNIT: &str = "[Unit]\nDescription=Runs what the test asks\n\
    [Service]\nExecStart=/usr/local/bin/agent\nEnvironment=SYSTEMD_PAGER=cat SYSTEMD_COLORS=0\n";

/// A running machine. It ends when it is dropped.
pub(crate) struct Emulator {
    process: Process,
    said: Receiver<Vec<u8>>,
    console: PathBuf,
}

impl Emulator {
    /// Boots an image, and waits until it can be asked.
    pub(crate) fn boot(mut image: Image, folder: &Path) -> Result<Self> {
        image.write("usr/local/bin/agent", AGENT, 0o755);
        image.write("etc/systemd/system/agent.service", AGENT_UNIT, 0o644);
        image.link("etc/systemd/system/multi-user.target.wants/agent.service", "../agent.service");
        let (archive, console) = (folder.join("initramfs"), folder.join("console"));
        image.pack(&archive)?;
        let mut command = qemu()?;
        command.arg("-initrd").arg(&archive).arg("-serial").arg(format!("file:{}", console.display()));
        command.args(["-serial", "stdio"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(File::create(folder.join("qemu"))?);
        let mut process = Process::spawn(&mut command)?;
        let said = listen(process.child().stdout.take().context("its output is piped")?);
        let machine = Self { process, said, console };
        machine.answer().with_context(|| fs::read_to_string(folder.join("qemu")).unwrap_or_default())?;
        Ok(machine)
    }

    /// Runs a line of the shell in the machine; its exit status, and what it said.
    pub(crate) fn ask(&mut self, line: &str) -> Result<(i32, String)> {
        self.say(line)?;
        self.answer().with_context(|| format!("running {line}"))
    }

    /// Runs a line of the shell that must succeed; what it said.
    pub(crate) fn run(&mut self, line: &str) -> Result<String> {
        let (code, said) = self.ask(line)?;
        ensure!(code == 0, "{line} ended with {code}: {said}");
        Ok(said)
    }

    /// Switches the machine off as one does, and waits for that.
    pub(crate) fn power_off(mut self) -> Result<()> {
        // Who answers may be gone before it does.
        self.say("systemctl --no-block poweroff")?;
        let code = poll::until("the machine to be off", PATIENCE, || self.process.ended());
        let code = code.with_context(|| self.console())?;
        ensure!(code == 0, "QEMU ended with {code}: {}", self.console());
        Ok(())
    }

    fn say(&mut self, line: &str) -> Result<()> {
        let stdin = self.process.child().stdin.as_mut().context("its input is piped")?;
        writeln!(stdin, "{line}").with_context(|| format!("asking for {line}"))
    }

    fn answer(&self) -> Result<(i32, String)> {
        let deadline = Instant::now() + PATIENCE;
        let mut said = Vec::new();
        loop {
            match self.said.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => said.extend(bytes),
                Err(RecvTimeoutError::Timeout) => bail!("no answer within {PATIENCE:?}: {}", self.console()),
                Err(RecvTimeoutError::Disconnected) => bail!("the machine is off: {}", self.console()),
            }
            if let Some(answer) = whole(&said)? {
                return Ok(answer);
            }
        }
    }

    /// The last that the machine said to whoever looks.
    fn console(&self) -> String {
        let text = fs::read(&self.console).unwrap_or_default();
        let from = text.len().saturating_sub(4_000);
        format!("the console ends with:\n{}", String::from_utf8_lossy(&text[from..]))
    }
}

/// The answer, once all of it is there.
fn whole(said: &[u8]) -> Result<Option<(i32, String)>> {
    let Some(text) = said.strip_suffix(b"\n") else { return Ok(None) };
    let Some(end) = text.iter().rposition(|&byte| byte == END) else { return Ok(None) };
    let code = String::from_utf8_lossy(&text[end + 1..]).parse().context("an exit status")?;
    Ok(Some((code, String::from_utf8_lossy(&text[..end]).into_owned())))
}

/// Hands over what comes as it comes, so that whoever waits can stop to.
fn listen(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// QEMU as it was unpacked: by its own loader, with its own libraries, whatever the host's are.
fn qemu() -> Result<Command> {
    let machine = fixtures::cache().join("machine");
    let (root, kernel) = (machine.join("qemu"), machine.join("kernel/vmlinuz"));
    ensure!(kernel.is_file(), "{} is missing: run `cargo xtask setup`", kernel.display());
    let libraries = [root.join("usr/lib/x86_64-linux-gnu"), root.join("lib/x86_64-linux-gnu")];
    let mut command = Command::new(libraries[1].join("ld-linux-x86-64.so.2"));
    command.arg("--library-path").arg(std::env::join_paths(&libraries)?);
    command.arg(root.join("usr/bin/qemu-system-x86_64")).env("QEMU_MODULE_DIR", libraries[0].join("qemu"));
    for data in ["qemu", "seabios"] {
        command.arg("-L").arg(root.join("usr/share").join(data));
    }
    command.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
    command.args(["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1536"]);
    command.arg("-kernel").arg(&kernel);
    let options = "console=ttyS0 panic=-1 rdinit=/lib/systemd/systemd systemd.getty_auto=no";
    command.arg("-append").arg(options);
    Ok(command)
}
