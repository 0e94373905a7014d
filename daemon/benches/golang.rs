//! What it costs to find a program's table of functions, and to say which places in the source an address stands for.
//!
//! The program is the largest one that the tests have. `cargo xtask bench` runs it.
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on says why and stops")]
#![expect(clippy::cast_precision_loss, reason = "counts and times far below 2^52")]

use std::fs;
use std::hint::black_box;
use std::time::Instant;

use seccinch::golang::image::Image;
use seccinch::golang::pclntab::Table;

#[path = "../tests/real/support/fixtures.rs"]
#[expect(dead_code, reason = "shared with the tests of recordings, which use more of it")]
mod fixtures;
#[path = "../tests/real/support/random.rs"]
mod random;

#[path = "../tests/golang/sites.rs"]
mod sites;

/// So few that a batch is seldom interrupted.
const BATCH: usize = 200;
const BATCHES: usize = 501;
const MOST_NANOSECONDS_A_FRAME: f64 = 3000.0;

fn main() {
    let program = fixtures::Program::Debian { package: "prometheus", path: "usr/bin/prometheus" };
    let path = program.path().expect("the program is there");
    let file = fs::read(&path).expect("it can be read");
    let image = Image::parse(&file).expect("an ELF file");
    let find = || Table::find(&Image::parse(&file).expect("an ELF file")).expect("a Go program");
    let table = find();
    let found = median((0..BATCHES).map(|_| time(|| find().len())));
    println!("{}: {} functions", path.display(), table.len());
    println!("table found in {:.1} us", found / 1e3);
    let listed =
        median((0..15).map(|_| time(|| table.functions().map(|function| function.name.len()).sum())));
    println!("all functions listed in {:.1} ms", listed / 1e6);

    let sites = sites::call_sites(&image, &table);
    let mut random = random::Random(1);
    let batches: Vec<Vec<u64>> = (0..BATCHES).map(|_| batch(&sites, &mut random)).collect();
    let explain = |batch: &[u64]| batch.iter().map(|&pc| table.frames(pc).len()).sum::<usize>();
    let frames: usize = batches.iter().map(|batch| explain(batch)).sum();
    let frames_a_site = frames as f64 / (BATCH * BATCHES) as f64;
    let site = median(batches.iter().map(|batch| time(|| explain(batch)))) / BATCH as f64;
    let frame = site / frames_a_site;
    println!("warm: {site:.0} ns a call site, {frame:.0} ns a frame ({frames_a_site:.2} frames a site)");
    assert!(frame <= MOST_NANOSECONDS_A_FRAME, "{frame} ns a frame");
}

fn batch(sites: &[u64], random: &mut random::Random) -> Vec<u64> {
    let mut any = || usize::try_from(random.number() % sites.len() as u64).unwrap_or_default();
    (0..BATCH).map(|_| sites[any()]).collect()
}

/// Nanoseconds.
fn time(work: impl Fn() -> usize) -> f64 {
    let started = Instant::now();
    black_box(work());
    started.elapsed().as_secs_f64() * 1e9
}

fn median(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
