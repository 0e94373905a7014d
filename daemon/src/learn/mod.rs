//! From samples to observations, and the file that keeps them.

pub mod file;
