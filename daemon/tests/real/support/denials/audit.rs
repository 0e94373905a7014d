//! The kernel's audit records of seccomp (type 1326), from the multicast group that needs no audit daemon.

use std::os::fd::{AsRawFd as _, OwnedFd};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt, socket,
    sockopt,
};

/// `AUDIT_SECCOMP` of include/uapi/linux/audit.h.
const SECCOMP: u16 = 1326;

/// `AUDIT_NLGRP_READLOG` of include/uapi/linux/audit.h, as a bit.
const READLOG: u32 = 1;

/// What a filter did to one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) pid: u32,
    pub(crate) nr: u32,
    /// The filter's verdict (`SECCOMP_RET_…`).
    pub(crate) code: u32,
}

/// A listener.
pub(crate) struct Audit {
    socket: OwnedFd,
}

impl Audit {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkAudit)
            .context("opening a socket to the kernel's audit")?;
        setsockopt(&socket, sockopt::RcvBufForce, &(4 << 20)).context("asking for room for audit records")?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, READLOG))
            .context("joining the audit's multicast group")?;
        Ok(Self { socket })
    }

    /// The records since the last time.
    pub(crate) fn read(&self) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        let mut buffer = [0; 16_384];
        loop {
            match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Ok(length) => records.extend(parse(&buffer[..length])),
                Err(Errno::EAGAIN) => return Ok(records),
                Err(Errno::EINTR) => {}
                Err(error) => bail!("reading audit records: {error}"),
            }
        }
    }
}

/// A netlink message (include/uapi/linux/netlink.h), if it is a record of seccomp.
pub(crate) fn parse(message: &[u8]) -> Option<Record> {
    let (header, text) = message.split_at_checked(16)?;
    if u16::from_ne_bytes([header[4], header[5]]) != SECCOMP {
        return None;
    }
    let text = String::from_utf8_lossy(text);
    let field =
        |name: &str| text.split([' ', '\0']).find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    Some(Record {
        pid: field("pid")?.parse().ok()?,
        nr: field("syscall")?.parse().ok()?,
        code: u32::from_str_radix(field("code")?.strip_prefix("0x")?, 16).ok()?,
    })
}
