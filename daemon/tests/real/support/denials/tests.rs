//! The counters themselves, on processes that say how often they were refused.

use std::panic;
use std::process::Stdio;
use std::thread;

use anyhow::{Result, ensure};

use super::{Denial, Refusal, Watch};
use crate::support::poll;
use crate::support::process::Process;
use crate::support::{fixtures, sandbox};

/// What is counted for a process that makes a call this often under a filter with this action.
fn counted(action: &str, times: u32) -> Result<Vec<Denial>> {
    let watch = Watch::start()?;
    sandbox::run(|sandbox| {
        watch.begin(sandbox.cgroup())?;
        let mut command = sandbox.command(&fixtures::probe()?);
        command.args(["filtered", action, &times.to_string()]).stdout(Stdio::null());
        let mut process = Process::spawn(&mut command)?;
        let code = poll::until("the end of the filtered process", poll::SOON, || process.ended())?;
        ensure!(code == if action == "kill" { 159 } else { 0 }, "it ended with {code}");
        watch.denied(sandbox.cgroup())
    })
}

fn refused(how: Refusal, count: u64) -> Vec<Denial> {
    vec![Denial { syscall: "getppid".to_owned(), how, count }]
}

/// Check that each call that a filter refuses with an error is counted, once.
#[test]
fn refused_calls_are_counted() -> Result<()> {
    assert_eq!(counted("errno", 137)?, refused(Refusal::Errno(1), 137));
    Ok(())
}

/// Check that a call that ends its process is seen.
#[test]
fn killed_processes_are_counted() -> Result<()> {
    assert_eq!(counted("kill", 3)?, refused(Refusal::Killed, 1));
    Ok(())
}

/// Check that calls that a filter allows, or only logs, count as nothing.
#[test]
fn allowed_calls_are_not_counted() -> Result<()> {
    assert_eq!(counted("allow", 50)?, []);
    assert_eq!(counted("log", 5)?, []);
    Ok(())
}

/// Check that what is refused in one sandbox is not counted in another at the same time.
#[test]
fn sandboxes_are_counted_apart() -> Result<()> {
    thread::scope(|scope| {
        let running: Vec<_> =
            (1..5).map(|times| (times, scope.spawn(move || counted("errno", times)))).collect();
        for (times, counted) in running {
            let counted = counted.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))?;
            assert_eq!(counted, refused(Refusal::Errno(1), u64::from(times)));
        }
        Ok(())
    })
}
