//! What others may see: metrics, the HTTP interface, and profiles read back from a Prometheus.
//!
//! In: a [`view::View`] that the daemon makes. Out: text. Nothing here changes state.

pub mod api;
pub mod http;
pub mod metrics;
pub mod prometheus;
pub mod view;
