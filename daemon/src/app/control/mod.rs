//! How people ask a running daemon: a line of JSON, answered with one JSON document, over a socket that only root
//! and the group `seccinch` reach.
//!
//! The daemon's side reads a [`View`](crate::export::view::View) and nothing else, on a thread of its own: no
//! client, however slow or many, delays the counting. `seccinch status`, `workload` and `finding` are the
//! other side.

mod access;
mod client;
mod document;
mod request;
mod server;
mod socket;
pub mod table;
#[cfg(test)]
mod tests;

pub use client::{Answer, ClientError, ask};
pub use document::{
    ErrorKind, ReloadDocument, StatusDocument, ViolationsDocument, WorkloadDocument, WorkloadsDocument,
};
pub use request::{Ask, Request};
pub use server::{Control, Options, ReloadRequest};
pub use socket::{Opened, SocketError, open};
