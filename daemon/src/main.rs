//! The `seccinch` binary: arguments in, exit code out.

fn main() {}
