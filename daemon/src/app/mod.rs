//! The commands, without their command line: values in, a report or an error out.

pub mod columns;
pub mod control;
pub mod daemon;
pub mod exec;
pub mod gate;
pub mod generations;
pub mod profile;
pub mod record;
pub mod scan;
pub mod verify;
