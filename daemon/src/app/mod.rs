//! The commands, without their command line: values in, a report or an error out.

pub mod control;
pub mod daemon;
pub mod generations;
pub mod profile;
pub mod record;
pub mod scan;
