//! The HTTP listener: metrics, health and the API, for reading only.
//!
//! In: a listener, and views as they are made. Out: answers, from a thread and an event loop of their own, so
//! that no client can delay the daemon's. Everything that a client can make it hold has a limit.

mod accept;
mod answer;
mod connections;
mod routes;
mod scrapes;
mod serve;
mod stream;

pub(crate) use answer::{Answer, Problem};
pub use serve::{Limits, ServeError, Shutdown, serve};
