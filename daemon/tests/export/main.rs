//! What is shown to others, over real sockets, to a real Prometheus and to hostile clients. No root is needed.

#![expect(clippy::expect_used, clippy::panic, reason = "a test ends where its machine fails it")]

mod api;
mod fixtures;
mod hostile;
mod listener;
mod metrics;
mod prometheus;
mod server;
mod views;
