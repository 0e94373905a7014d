//! What the tests on real programs stand on: sandboxes, clients, fixtures, and counters of denials.

pub(crate) mod cgroup;
pub(crate) mod denials;
pub(crate) mod dns;
pub(crate) mod docker;
pub(crate) mod fixtures;
pub(crate) mod folder;
pub(crate) mod forward;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod poll;
pub(crate) mod process;
pub(crate) mod profile;
pub(crate) mod sandbox;
pub(crate) mod seccinch;
pub(crate) mod strace;
pub(crate) mod upstream;
