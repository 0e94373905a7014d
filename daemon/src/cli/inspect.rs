//! `seccinch inspect-worker`: nothing that people run.

use super::exit::{ExitStatus, chain};
use crate::inspect;

pub(super) fn run() -> ExitStatus {
    match inspect::serve() {
        Ok(()) => ExitStatus::Done,
        Err(error) => {
            eprintln!("seccinch: {}", chain(&error));
            ExitStatus::System
        }
    }
}
