//! What the daemon costs on this machine: `cargo xtask bench`. As a test it would judge how busy the machine is.

#[path = "../../tests/real/support/bpf_fs.rs"]
mod bpf_fs;
#[path = "../../tests/host/daemon.rs"]
#[expect(dead_code, reason = "shared with the tests of the daemon, which use more of it")]
mod daemon;
mod figures;
#[path = "../../tests/operation/programs.rs"]
#[expect(dead_code, reason = "likewise")]
mod programs;
#[path = "../../tests/real/runners/mod.rs"]
#[expect(dead_code, reason = "likewise")]
mod runners;
#[path = "../../tests/real/services/mod.rs"]
#[expect(dead_code, unused_imports, reason = "likewise")]
mod services;
#[path = "../../tests/real/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "likewise")]
mod support;

fn main() -> anyhow::Result<()> {
    figures::measure()
}
