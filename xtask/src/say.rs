//! What the tasks tell the person at the terminal.

/// A heading: a step begins.
pub(crate) fn step(text: &str) {
    println!("==> {text}");
}

/// A line below a heading.
pub(crate) fn detail(text: &str) {
    println!("    {text}");
}

/// Something is missing and is being installed: what, and why it is needed.
pub(crate) fn install(what: &str, why: &str) {
    println!("    installing {what}: {why}");
}
