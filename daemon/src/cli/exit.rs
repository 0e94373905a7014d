//! Exit statuses and errors, the same for every command.

use std::process::ExitCode;

pub use crate::model::chain;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// It did what was asked.
    Done,
    /// It checked, and found something.
    Found,
    /// What was asked makes no sense, or an input can't be used.
    Usage,
    /// The system can't: no privilege, no kernel support, no room.
    System,
    /// A command was run: its own code, or one of ours about it, as `timeout(1)` has them: 125 we failed,
    /// 126 it can't be executed, 127 it was not found.
    Command(u8),
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(match status {
            ExitStatus::Done => 0,
            ExitStatus::Found => 1,
            ExitStatus::Usage => 2,
            ExitStatus::System => 3,
            ExitStatus::Command(code) => code,
        })
    }
}
