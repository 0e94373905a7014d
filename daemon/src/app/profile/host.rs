//! What this machine is, as far as a profile depends on it.

use std::collections::BTreeSet;
use std::path::Path;

use crate::collect;
use crate::model::Arch;
use crate::policy::Provenance;

/// A machine that a profile is to hold on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its architecture.
    pub arch: Arch,
    /// Its kernel release; nothing if it could not be read.
    pub kernel: Option<String>,
    /// Its clock source; nothing if it could not be read.
    pub clock_source: Option<String>,
}

/// A field in which a profile's provenance differs from a machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostDifference {
    /// The field.
    pub field: &'static str,
    /// What the profile was made on.
    pub recorded: String,
    /// What this machine has.
    pub here: String,
    /// Why that matters.
    pub why: &'static str,
}

impl Host {
    /// Reads a machine, whose files are under `root`.
    pub fn read(root: &Path) -> Self {
        Self {
            arch: Arch::NATIVE,
            kernel: collect::kernel_release(root),
            clock_source: collect::clock_source(root),
        }
    }

    /// In what a profile was made elsewhere. What is not known on either side does not differ.
    pub fn differences(&self, arch: Arch, provenance: &Provenance) -> Vec<HostDifference> {
        let arch = (arch != self.arch).then(|| HostDifference {
            field: "architecture",
            recorded: arch.name().to_owned(),
            here: self.arch.name().to_owned(),
            why: "its numbers and names are those of another table; record here, for a profile of its own",
        });
        let kernel = self.kernel.as_ref().filter(|kernel| {
            let recorded = &provenance.kernels;
            !recorded.is_empty() && !recorded.iter().any(|release| series(release) == series(kernel))
        });
        let clock = self.clock_source.as_ref().filter(|clock| {
            !provenance.clock_sources.is_empty() && !provenance.clock_sources.contains(*clock)
        });
        let kernel = kernel.map(|kernel| HostDifference {
            field: "kernel",
            recorded: joined(&provenance.kernels),
            here: kernel.clone(),
            why: "libraries choose calls by what the kernel has; record here too, and merge",
        });
        let clock = clock.map(|clock| HostDifference {
            field: "clock source",
            recorded: joined(&provenance.clock_sources),
            here: clock.clone(),
            why: "where the vDSO can't read the clock, every reading is a call; record here too, and merge",
        });
        arch.into_iter().chain(kernel).chain(clock).collect()
    }
}

/// The part of a release within which no calls come or go: `6.1` of `6.1.0-56-cloud-amd64`.
fn series(release: &str) -> (&str, &str) {
    let mut parts = release.split(['.', '-']);
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

fn joined(texts: &BTreeSet<String>) -> String {
    texts.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn host(kernel: &str, clock: &str) -> Host {
        Host { arch: Arch::X86_64, kernel: Some(kernel.into()), clock_source: Some(clock.into()) }
    }

    /// Check that only what matters differs, and what is not known does not.
    #[test]
    fn differences_name_their_field() {
        let provenance = Provenance {
            kernels: ["6.1.0-56-cloud-amd64".to_owned()].into(),
            clock_sources: ["tsc".to_owned()].into(),
            ..Provenance::default()
        };
        let fields = |host: &Host| -> Vec<_> {
            host.differences(Arch::X86_64, &provenance).iter().map(|difference| difference.field).collect()
        };
        assert!(fields(&host("6.1.192", "tsc")).is_empty());
        assert_eq!(fields(&host("6.12.1", "hpet")), ["kernel", "clock source"]);
        let unstamped = Provenance::default();
        assert!(host("7.0", "hpet").differences(Arch::X86_64, &unstamped).is_empty());
        assert_eq!(host("7.0", "hpet").differences(Arch::Aarch64, &unstamped)[0].field, "architecture");
    }

    /// Check that a machine is read from under a folder, and what is missing is not known.
    #[test]
    fn machines_are_read_from_a_root() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("proc/sys/kernel")).unwrap();
        fs::write(root.path().join("proc/sys/kernel/osrelease"), "6.1.0\n").unwrap();
        let host = Host::read(root.path());
        assert_eq!((host.kernel.as_deref(), host.clock_source), (Some("6.1.0"), None));
    }
}
