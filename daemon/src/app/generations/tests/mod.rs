mod folders;
mod learned;

use crate::learn::testing::{go_build, role, sample, seen};
use crate::model::{Arguments, Baseline, Role, Timestamp};

/// So many seconds after some point in 2026.
fn at(seconds: u64) -> Timestamp {
    crate::learn::testing::at(seconds)
}

/// A service that was seen to make these calls.
fn service(workload: &str, calls: &[(&str, Arguments)]) -> Baseline {
    let calls: Vec<_> =
        calls.iter().map(|(name, arguments)| (*name, seen(5, at(1), arguments.clone()))).collect();
    let mut baseline = sample(workload).0;
    baseline.roles = vec![role(Role::Main, go_build("abc"), &calls).into()];
    baseline
}
