//! The usual `process_*` metrics of this process, from procfs (`proc_pid_stat(5)`, `proc_pid_status(5)`).

use std::fs;
use std::path::Path;

use super::family::{Family, Sample, Samples, Unit, Value};
use crate::model::Timestamp;

/// Ticks a second in `/proc/PID/stat`: `USER_HZ`, the same on every architecture that is supported
/// (include/asm-generic/param.h).
const TICKS: f64 = 100.0;

/// What the kernel says of this process. What can't be read is left out.
pub(super) fn families(process: &Path, started: Timestamp) -> Vec<Family> {
    let text = |name: &str| fs::read_to_string(process.join(name)).unwrap_or_default();
    let (stat, status, limits) = (text("stat"), text("status"), text("limits"));
    let open = fs::read_dir(process.join("fd")).ok().map(|entries| entries.count() as u64);
    let gauge = |name, unit, help, value: Option<Value>| {
        let samples = Samples::Gauges(value.map(Sample::single).unwrap_or_default());
        Family { name, unit, help, samples }
    };
    let cpu = cpu_seconds(&stat).map(|seconds| Sample::single(Value::Real(seconds)));
    vec![
        Family {
            name: "process_cpu",
            unit: Some(Unit::Seconds),
            help: "CPU time of the daemon, in user and in kernel mode.",
            samples: Samples::Counters(cpu.unwrap_or_default()),
        },
        gauge(
            "process_resident_memory",
            Some(Unit::Bytes),
            "Memory of the daemon that is in RAM.",
            kibibytes(&status, "VmRSS:"),
        ),
        gauge(
            "process_virtual_memory",
            Some(Unit::Bytes),
            "Address space of the daemon.",
            kibibytes(&status, "VmSize:"),
        ),
        gauge("process_open_fds", None, "Open file descriptors of the daemon.", open.map(Value::Whole)),
        gauge("process_max_fds", None, "File descriptors that the daemon may open.", max_fds(&limits)),
        gauge(
            "process_start_time",
            Some(Unit::Seconds),
            "When the daemon started, in seconds since the Unix epoch.",
            Some(Value::Real(super::seconds(started))),
        ),
    ]
}

/// Fields 14 and 15. The second is a name in parentheses that may hold spaces and parentheses itself.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

fn kibibytes(status: &str, field: &str) -> Option<Value> {
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(Value::Whole(kibibytes.saturating_mul(1024)))
}

/// The soft limit; nothing where there is none.
fn max_fds(limits: &str) -> Option<Value> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok().map(Value::Whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that each number is found in what Linux writes.
    #[test]
    fn numbers_are_found() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 2 0 9 1 2 3";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        let status = "Name:\tx\nVmSize:\t  300 kB\nVmRSS:\t    20 kB\n";
        assert_eq!(kibibytes(status, "VmRSS:"), Some(Value::Whole(20 * 1024)));
        assert_eq!(kibibytes(status, "VmSwap:"), None);
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files  1024  524288  files\n";
        assert_eq!(max_fds(limits), Some(Value::Whole(1024)));
        assert_eq!(max_fds("Max open files  unlimited  unlimited  files\n"), None);
    }

    /// Check that this very process has all of them.
    #[test]
    fn this_process_has_all() {
        let families = families(Path::new("/proc/self"), Timestamp::from_unix_nanos(1));
        assert!(families.iter().all(|family| family.series() == 1), "{families:?}");
    }
}
