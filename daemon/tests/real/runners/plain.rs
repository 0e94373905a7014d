//! A service as a plain process, alone or under a program that watches it.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;

use super::Running;
use crate::services::{Launch, Service};
use crate::support::process::Process;
use crate::support::sandbox::Sandbox;

/// Starts it behind these words: a watching program with its options, or none.
pub(crate) fn start(
    sandbox: &Sandbox,
    service: &Service,
    launch: &Launch,
    before: &[OsString],
) -> Result<Box<dyn Running>> {
    let program = service.program.path()?.into_os_string();
    let words = [before, &[program]].concat();
    let mut command = sandbox.command(Path::new(&words[0]));
    command.args(&words[1..]).args(&launch.args).envs(launch.env.iter().cloned());
    // As in a shell. Neither containers nor units have it, and then Go asks the kernel for its folder.
    command.env("PWD", sandbox.work());
    command.current_dir(sandbox.work()).stdout(sandbox.open_log()?).stderr(sandbox.open_log()?);
    Ok(Box::new(Process::spawn(&mut command)?))
}

impl Running for Process {
    fn ended(&mut self) -> Result<Option<i32>> {
        Self::ended(self)
    }
}
