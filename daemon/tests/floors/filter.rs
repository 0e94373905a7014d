//! Filters, compiled before the fork that they are for.

use std::io::Read as _;

use libseccomp::{ScmpAction, ScmpFilterContext};
use seccinch::{model::Arch, syscalls};

/// A compiled filter.
pub(crate) struct Filter(Vec<libc::sock_filter>);

impl Filter {
    /// Allows every call but this one, which kills the process.
    pub(crate) fn without(name: &str) -> Self {
        Self::compile(ScmpAction::Allow, ScmpAction::KillProcess, &[name])
    }

    /// Allows these calls; any other kills the process.
    pub(crate) fn only(names: &[&str]) -> Self {
        Self::compile(ScmpAction::KillProcess, ScmpAction::Allow, names)
    }

    /// The instructions, as `seccomp(2)` takes them.
    pub(crate) fn instructions(&self) -> &[libc::sock_filter] {
        &self.0
    }

    fn compile(default: ScmpAction, action: ScmpAction, names: &[&str]) -> Self {
        let mut context = ScmpFilterContext::new(default).unwrap();
        for name in names {
            let nr = syscalls::number(Arch::NATIVE, name).unwrap_or_else(|| panic!("{name} is no call here"));
            context.add_rule(action, i32::from(nr.get())).unwrap();
        }
        Self(export(&context))
    }
}

/// The filter's instructions. A pipe holds 64 KiB, more than the 4096 instructions of the longest filter.
fn export(context: &ScmpFilterContext) -> Vec<libc::sock_filter> {
    let (mut reader, writer) = std::io::pipe().unwrap();
    context.export_bpf(&writer).unwrap();
    drop(writer);
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    bytes.chunks_exact(8).map(instruction).collect()
}

/// `struct sock_filter` of `include/uapi/linux/filter.h`.
fn instruction(bytes: &[u8]) -> libc::sock_filter {
    libc::sock_filter {
        code: u16::from_ne_bytes([bytes[0], bytes[1]]),
        jt: bytes[2],
        jf: bytes[3],
        k: u32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
    }
}
