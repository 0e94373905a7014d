//! Programs made to be too much: refused or understood, soon, and in little memory.
#![expect(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::time::Duration;

use seccinch_hostile::{adversarial, target};

/// What is promised of any file. Without optimisation everything takes far longer.
const MOST_TIME: Duration = Duration::from_secs(if cfg!(debug_assertions) { 60 } else { 5 });
const MOST_MEMORY_KIB: u64 = 256 << 10;
/// The largest parts of the programs, in MiB.
const SIZE: usize = if cfg!(debug_assertions) { 1 } else { 64 };

/// Check that nothing of what there can be too much of takes more time or memory than is promised.
#[test]
fn too_much_is_survived() {
    let targets = ["image", "inspect", "pclntab", "scan"].map(|name| target(name).expect("a target"));
    let mut told = Vec::new();
    for (what, program) in adversarial::programs(SIZE) {
        let program = program();
        for target in targets {
            forget_peak();
            let begun = worked();
            (target.exercise)(&program);
            let (time, memory) = (worked().saturating_sub(begun), peak_kib());
            if time > MOST_TIME || memory > MOST_MEMORY_KIB {
                told.push(format!("{}: too many {what}: {time:?}, {memory} KiB", target.name));
            }
            println!("{}: {what}: {} KiB, {time:?}, {memory} KiB", target.name, program.len() >> 10);
        }
    }
    assert!(told.is_empty(), "{told:#?}");
}

/// Begins to count the peak of this process's memory anew: `proc_pid_clear_refs(5)`.
fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").expect("the peak can be forgotten");
}

/// For how long this thread had a processor: how busy the machine is otherwise is no matter.
fn worked() -> Duration {
    let times = fs::read_to_string("/proc/thread-self/schedstat").expect("scheduler statistics");
    let nanoseconds = times.split(' ').next().expect("a first field").parse().expect("a number");
    Duration::from_nanos(nanoseconds)
}

fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    peak.trim().trim_end_matches(" kB").parse().expect("a number")
}
