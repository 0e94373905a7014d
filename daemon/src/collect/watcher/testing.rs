//! A kernel side and a `/proc` that do what a test says.

mod files;
mod script;

pub(crate) use files::{World, inode};
pub(crate) use script::{Script, number, slot, time};
