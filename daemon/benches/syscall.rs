//! What one system call costs with seccinch watching, beside an empty program on the same hook.
//!
//! All variants are measured in turn, round by round, on one pinned CPU, and compared within their round:
//! these ratios hold when the machine's speed drifts. `cargo xtask bench` runs it.
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on says why and stops")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and times far below 2^52"
)]

use std::hint::black_box;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs, io};

use aya::programs::BtfTracePoint;
use aya::{Btf, Ebpf};
use seccinch::files::Input;
use seccinch::kernel::{Hooks, Kernel, LoadOptions, Slot, Source, Stacks, Targets as _};
use seccinch::learn;
use seccinch::model::{Arch, SyscallNr};
use seccinch::syscalls;

const ROUNDS: usize = 41;
const CALLS: u32 = 300_000;
const STARTS: usize = 11;

/// What is attached while the calls are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Variant {
    Nothing,
    Empty,
    TargetColumn,
    TargetShared,
    TargetRaw,
    ColumnWithoutStacks,
    SharedWithoutStacks,
    RawWithoutStacks,
    AnotherProcess,
}

const VARIANTS: [(Variant, &str); 9] = [
    (Variant::Nothing, "nothing attached"),
    (Variant::Empty, "an empty program"),
    (Variant::TargetColumn, "a target, busy call (own column)"),
    (Variant::TargetShared, "a target, other call (shared row)"),
    (Variant::TargetRaw, "a target, raw tracepoints"),
    (Variant::ColumnWithoutStacks, "  own column, stacks switched off"),
    (Variant::SharedWithoutStacks, "  shared row, stacks switched off"),
    (Variant::RawWithoutStacks, "  raw, stacks switched off"),
    (Variant::AnotherProcess, "another process"),
];

/// What stacks cost a call that tells nothing new: with them, and the same without.
const STACKS: [(Variant, Variant); 3] = [
    (Variant::TargetColumn, Variant::ColumnWithoutStacks),
    (Variant::TargetShared, Variant::SharedWithoutStacks),
    (Variant::TargetRaw, Variant::RawWithoutStacks),
];

fn main() -> ExitCode {
    pin_to_one_cpu();
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let mut nanoseconds = [0.0; VARIANTS.len()];
        for step in 0..VARIANTS.len() {
            // Another order in each round: whoever comes first must not always be the same.
            let place = (step + round) % VARIANTS.len();
            nanoseconds[place] = measure(VARIANTS[place].0);
        }
        rounds.push(nanoseconds);
    }
    report(&rounds);
    report_start();
    ExitCode::SUCCESS
}

/// Nanoseconds of one `getppid` with this variant attached.
fn measure(variant: Variant) -> f64 {
    match variant {
        Variant::Nothing => time_calls(),
        Variant::Empty => {
            let _attached = attach_empty();
            time_calls()
        }
        Variant::TargetColumn => time_column(Stacks::Taken),
        Variant::ColumnWithoutStacks => time_column(Stacks::Left),
        Variant::TargetShared => time_shared(Hooks::Btf, Stacks::Taken),
        Variant::SharedWithoutStacks => time_shared(Hooks::Btf, Stacks::Left),
        Variant::TargetRaw => time_shared(Hooks::Raw, Stacks::Taken),
        Variant::RawWithoutStacks => time_shared(Hooks::Raw, Stacks::Left),
        Variant::AnotherProcess => {
            let (mut kernel, slot) = load(Hooks::Btf, Stacks::Taken);
            kernel.track(1, slot);
            time_calls()
        }
    }
}

/// As a target, in a call with a column of its own.
fn time_column(stacks: Stacks) -> f64 {
    let (mut kernel, slot) = load(Hooks::Btf, stacks);
    assert!(kernel.give_column(slot, getppid()), "a column is free");
    kernel.track(std::process::id(), slot);
    counted(&kernel, slot, time_calls())
}

/// As a target, in a call that is counted in the row of all processors.
fn time_shared(hooks: Hooks, stacks: Stacks) -> f64 {
    let (mut kernel, slot) = load(hooks, stacks);
    kernel.track(std::process::id(), slot);
    counted(&kernel, slot, time_calls())
}

/// A figure for calls that were not counted would mean nothing.
fn counted(kernel: &Kernel, slot: Slot, nanoseconds: f64) -> f64 {
    let counted = kernel.counts(slot).expect("counts are readable").get(getppid());
    assert!(counted >= u64::from(CALLS), "only {counted} of {CALLS} calls were counted");
    nanoseconds
}

fn load(hooks: Hooks, stacks: Stacks) -> (Kernel, Slot) {
    let options = LoadOptions { hooks: Some(hooks), stacks, ..LoadOptions::default() };
    let mut kernel =
        Kernel::load(&options).expect("the programs load: run as root, after `cargo xtask build`");
    let slot = kernel.take_slot().expect("a slot is free");
    (kernel, slot)
}

fn attach_empty() -> Ebpf {
    let object = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bpf/empty.bpf.o");
    let bytes = fs::read(object).expect("target/bpf/empty.bpf.o: run `cargo xtask build` first");
    let mut ebpf = Ebpf::load(&bytes).expect("the empty program loads");
    let program = ebpf.program_mut("empty").expect("it is named so");
    let program: &mut BtfTracePoint = program.try_into().expect("it is a BTF tracepoint");
    program
        .load("sys_enter", &Btf::from_sys_fs().expect("this kernel has BTF"))
        .expect("it passes the verifier");
    program.attach().expect("it attaches");
    ebpf
}

fn getppid() -> SyscallNr {
    syscalls::number(Arch::NATIVE, "getppid").expect("every architecture has it")
}

fn time_calls() -> f64 {
    for _ in 0..CALLS / 10 {
        black_box(std::os::unix::process::parent_id());
    }
    let started = Instant::now();
    for _ in 0..CALLS {
        black_box(std::os::unix::process::parent_id());
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}

fn report(rounds: &[[f64; VARIANTS.len()]]) {
    println!("one getppid, {ROUNDS} interleaved rounds of {CALLS} calls on one CPU; medians, 95 % intervals");
    println!("{:<36}{:>8}{:>12}{:>26}", "", "ns", "ns added", "whole call / empty one");
    for (place, (variant, name)) in VARIANTS.iter().enumerate() {
        let all =
            |figure: &dyn Fn(&[f64; VARIANTS.len()]) -> f64| interval(rounds.iter().map(figure).collect());
        let (nanoseconds, _, _) = all(&|round| round[place]);
        let (added, _, _) = all(&|round| round[place] - round[Variant::Empty as usize]);
        let (ratio, low, high) = all(&|round| round[place] / round[Variant::Empty as usize]);
        let against = match variant {
            Variant::Nothing | Variant::Empty => String::new(),
            _ => format!("{ratio:.3} ({low:.3} to {high:.3})"),
        };
        println!("{name:<36}{nanoseconds:>8.0}{added:>+12.0}{against:>26}");
    }
    for (with, without) in STACKS {
        let ratios = rounds.iter().map(|round| round[with as usize] / round[without as usize]);
        let (ratio, low, high) = interval(ratios.collect());
        println!("{with:?}: with stacks / without {ratio:.3} ({low:.3} to {high:.3})");
    }
}

/// Median with the 95 % interval of its order statistics (binomial; no assumption on the distribution).
fn interval(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let count = values.len();
    let half_width = 0.98 * (count as f64).sqrt();
    let low = (count as f64 / 2.0 - half_width).floor().max(0.0) as usize;
    let high = ((count as f64 / 2.0 + half_width).ceil() as usize).min(count - 1);
    (values[count / 2], values[low], values[high])
}

/// From starting `seccinch record` to the command's first counted call.
fn report_start() {
    let output = env::temp_dir().join(format!("seccinch-bench-{}.json", std::process::id()));
    let milliseconds = (0..STARTS).map(|_| {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
        let mut command = Command::new(env!("CARGO_BIN_EXE_seccinch"));
        command.arg("record").arg("-o").arg(&output).args(["--", "true"]).stderr(Stdio::null());
        assert!(command.status().expect("seccinch starts").success(), "seccinch record failed");
        let observations = learn::file::read(&Input::File(output.clone())).expect("a whole file");
        let first =
            observations.roles[0].syscalls.values().map(|seen| seen.first).min().expect("calls were seen");
        (u128::from(first.unix_nanos()) - started) as f64 / 1e6
    });
    let (median, low, high) = interval(milliseconds.collect());
    println!(
        "\nfrom `seccinch record` to the first counted call: {median:.0} ms ({low:.0} to {high:.0}), {STARTS} starts"
    );
    let _: io::Result<()> = fs::remove_file(output);
}

/// CPU 1 where there is one: CPU 0 has most of the interrupts.
fn pin_to_one_cpu() {
    let cpu = usize::from(std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1));
    #[expect(unsafe_code, reason = "std has no call for it")]
    // SAFETY: a zeroed set is an empty one; the set lives on our stack.
    let pinned = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set)
    };
    assert_eq!(pinned, 0, "cannot pin to CPU {cpu}");
}
