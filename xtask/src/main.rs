//! seccinch's tasks.
fn main() {}
