//! Ring three: the daemon on a whole host, with real Go services, runtimes and service managers. One test at a
//! time, as each daemon sees everything that runs.

#[path = "../real/support/bpf_fs.rs"]
mod bpf_fs;
mod containers;
mod crash;
mod culprits;
mod daemon;
mod discovery;
mod learned;
mod lives;
mod odd;
mod profile;
mod reach;
mod rules;
#[path = "../real/runners/mod.rs"]
#[expect(dead_code, reason = "shared with the tests of recordings, which use more of it")]
mod runners;
#[path = "../real/services/mod.rs"]
#[expect(dead_code, reason = "likewise")]
mod services;
#[path = "../real/support/mod.rs"]
#[expect(dead_code, reason = "likewise")]
mod support;
mod trace;
