//! A Debian on which seccinch is installed as `deploy/README.md` says, and a Go service that starts at boot.

use std::collections::BTreeMap;
use std::time::Duration;

use ::seccinch::learn::baseline_file;
use ::seccinch::model::Baseline;
use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::emulator::Emulator;
use crate::image::Image;
use crate::support::fixtures::{self, Program};
use crate::support::folder::{self, Folder};
use crate::support::seccinch;

/// The shipped unit.
pub(crate) const UNIT: &str = "seccinch.service";
/// The service that starts at boot.
pub(crate) const SERVICE: &str = "boot.service";
/// The id of its workload.
pub(crate) const WORKLOAD: &str = "systemd:boot.service";
/// How long a thing may take in the machine while the host is busy.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// All that the unit's tests change of it: a hang has to be waited for.
const DROP_IN: &str = "[Service]\nWatchdogSec=10\n";

/// All that they add to the configuration: what is learned is on disk before the daemon hangs.
const ADDED: &str = "flush_interval = \"2s\"\n";

/// An ordinary service: nothing in it knows of seccinch. It says how many calls it made when it is asked to end.
const SERVICE_UNIT: &str =
    "[Service]\nExecStart=/usr/local/bin/boot 3 100ms\n[Install]\nWantedBy=multi-user.target\n";

/// The kernel's own account of the service's calls: from the moment a program of that name runs.
const TRACE_UNIT: &str = "[Unit]\nAfter=sys-kernel-tracing.mount\nBefore=boot.service\n\
    [Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/bash /etc/trace\n";
const TRACE: &str = r#"set -e
cd /sys/kernel/tracing
echo 16384 > buffer_size_kb
echo 'comm == "boot"' > events/raw_syscalls/sys_enter/filter
echo 1 > events/raw_syscalls/sys_enter/enable
"#;

/// The machine, up and running.
pub(crate) struct Host {
    emulator: Emulator,
    _folder: Folder,
}

impl Host {
    /// Installs, and boots.
    pub(crate) fn boot() -> Result<Self> {
        folder::sweep();
        let folder = Folder::create()?;
        let mut image = Image::of(&fixtures::cache().join("machine/system"))?;
        install(&mut image);
        add_service(&mut image)?;
        let emulator = Emulator::boot(image, folder.path())?;
        Ok(Self { emulator, _folder: folder })
    }

    /// Runs a line of the shell that must succeed; what it said.
    pub(crate) fn run(&mut self, line: &str) -> Result<String> {
        self.emulator.run(line)
    }

    /// A property of a unit.
    pub(crate) fn property(&mut self, unit: &str, name: &str) -> Result<String> {
        let value = self.run(&format!("systemctl show --value --property {name} {unit}"))?;
        Ok(value.trim().to_owned())
    }

    /// A property of a unit that is a number.
    pub(crate) fn number(&mut self, unit: &str, name: &str) -> Result<u64> {
        let value = self.property(unit, name)?;
        value.parse().with_context(|| format!("{name} of {unit} is {value:?}"))
    }

    /// The document that a command prints about the daemon, if it can.
    pub(crate) fn document(&mut self, words: &str) -> Result<Option<Value>> {
        let (code, said) = self.emulator.ask(&format!("seccinch {words} --format json"))?;
        Ok(if code == 0 { Some(serde_json::from_str(&said)?) } else { None })
    }

    /// What the journal has of a unit that these matches fit.
    pub(crate) fn journal(&mut self, matches: &str) -> Result<Vec<BTreeMap<String, Value>>> {
        let said = self.run(&format!("journalctl --sync; journalctl --output json {matches}"))?;
        let entry =
            |line: &str| serde_json::from_str(line).with_context(|| format!("the journal has {line}"));
        said.lines().map(entry).collect()
    }

    /// What the daemon has on disk of the only workload, if it has.
    pub(crate) fn baseline(&mut self) -> Result<Option<Baseline>> {
        let (code, text) = self.emulator.ask("cat /var/lib/seccinch/workloads/*/baseline.json")?;
        if code != 0 {
            return Ok(None);
        }
        let (baseline, _) = baseline_file::parse(text.as_bytes())?;
        if baseline.workload.to_string() != WORKLOAD {
            bail!("{} is a workload", baseline.workload);
        }
        Ok(Some(baseline))
    }

    /// Switches the machine off.
    pub(crate) fn power_off(self) -> Result<()> {
        self.emulator.power_off()
    }
}

/// The commands of `deploy/README.md`, as what they leave. The group is made at boot, by systemd-sysusers.
fn install(image: &mut Image) {
    let deploy = fixtures::clone().join("deploy");
    image.copy("usr/local/bin/seccinch", &seccinch::program(), 0o755);
    image.copy("etc/seccinch/seccinch.toml", &deploy.join("seccinch.toml"), 0o644);
    image.write("etc/seccinch/conf.d/test.toml", ADDED, 0o644);
    image.copy("usr/lib/sysusers.d/seccinch.conf", &deploy.join("sysusers.d/seccinch.conf"), 0o644);
    image.copy("etc/systemd/system/seccinch.service", &deploy.join(UNIT), 0o644);
    image.link("etc/systemd/system/basic.target.wants/seccinch.service", "../seccinch.service");
    image.write("etc/systemd/system/seccinch.service.d/test.conf", DROP_IN, 0o644);
    // Without an id, systemd takes this for the first boot, and enables whatever is there.
    image.write("etc/machine-id", "0123456789abcdef0123456789abcdef\n", 0o444);
    image.write("etc/hostname", "machine\n", 0o644);
}

/// A Go program as a service, and beside it who counts its calls without seccinch.
fn add_service(image: &mut Image) -> Result<()> {
    let program = Program::Go { program: "metronome", variant: "go1.27-cgo0" }.path()?;
    image.copy("usr/local/bin/boot", &program, 0o755);
    image.write("etc/trace", TRACE, 0o644);
    for (unit, text) in [(SERVICE, SERVICE_UNIT), ("trace.service", TRACE_UNIT)] {
        image.write(&format!("etc/systemd/system/{unit}"), text, 0o644);
        let wants = format!("etc/systemd/system/multi-user.target.wants/{unit}");
        image.link(&wants, &format!("../{unit}"));
    }
    Ok(())
}
