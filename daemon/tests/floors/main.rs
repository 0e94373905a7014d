//! The floors, name by name: what breaks without each, and that the whole is enough.
//!
//! A program walks one path (of the Go runtime, of libc, of a container runtime) under a filter that
//! allows every call but one: if the floor holds that name, the program has to die of it. Then it walks the
//! path under a filter that allows the floors and nothing else: it has to arrive. `docs/floors.md` says how
//! to run this with other Go releases than those of CI.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod cgroup;
mod container;
mod filter;
mod floor_program;
mod go;
mod launch;
mod process;
mod systemd;
mod vdso;
