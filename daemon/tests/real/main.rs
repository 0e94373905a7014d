//! Ring three: real Go services, real runtimes, the real kernel.

mod end_to_end;
mod lockdown;
mod recall;
mod runners;
mod scanned;
mod selection;
mod services;
mod support;
