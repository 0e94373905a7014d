//! Ring three: the daemon in operation. Killed, flooded, filled, and scraped, and as the unit that is
//! shipped. One test at a time, as each daemon sees everything that runs.

mod bounds;
#[path = "../real/support/bpf_fs.rs"]
mod bpf_fs;
#[path = "../host/daemon.rs"]
mod daemon;
mod kernel;
mod kills;
mod machine;
mod programs;
mod prometheus;
#[path = "../real/support/random.rs"]
mod random;
#[path = "../real/runners/mod.rs"]
#[expect(dead_code, reason = "shared with the tests of recordings, which use more of it")]
mod runners;
mod series;
#[path = "../real/services/mod.rs"]
#[expect(dead_code, unused_imports, reason = "likewise")]
mod services;
mod state;
mod storm;
#[path = "../real/support/mod.rs"]
#[expect(dead_code, reason = "likewise")]
mod support;
mod unit;
mod worker;
