//! Ring three: real Go services, real runtimes, the real kernel.

mod end_to_end;
mod recall;
mod runners;
mod selection;
mod services;
mod support;
