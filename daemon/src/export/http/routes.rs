//! Which path leads where.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::header::{ACCEPT, HOST};
use hyper::{HeaderMap, StatusCode, Uri};

use super::accept::{metrics_format, prefers_json};
use super::answer::{Answer, Problem};
use super::connections::Connections;
use super::scrapes::Scrapes;
use crate::export::api::{self, ReadyDocument};
use crate::export::metrics::Served;
use crate::export::view::View;

/// The names under which a browser on this machine may ask: any other may be a stranger's, made to lead here
/// (DNS rebinding).
const OWN_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// What an answer may depend on.
pub(super) struct Asked<'a> {
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) listener: SocketAddr,
    pub(super) view: &'a Arc<View>,
}

impl Asked<'_> {
    /// The answer, or why there is none.
    pub(super) fn answer(&self, scrapes: &mut Scrapes, connections: &Connections) -> Result<Answer, Problem> {
        match self.uri.path() {
            "/metrics" => self.metrics(scrapes, connections),
            "/livez" => Ok(Answer::new(PLAIN, "live\n")),
            "/readyz" => self.ready(),
            path if path == "/api" || path.starts_with("/api/") => {
                self.check_api()?;
                let header = |name| self.headers.get(name).and_then(|value| value.to_str().ok());
                api::answer(path, self.uri.query().unwrap_or_default(), header, self.view)
            }
            _ => Err(Problem::new(
                StatusCode::NOT_FOUND,
                "there is nothing here: try /metrics, /livez, /readyz or /api/v1/openapi.json",
            )),
        }
    }

    fn metrics(&self, scrapes: &mut Scrapes, connections: &Connections) -> Result<Answer, Problem> {
        let format = metrics_format(self.accept());
        let served = Served { closed: connections.closed() };
        let body = scrapes.body(self.view, &served, format).map_err(|_| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the metrics can't be written: report a bug")
        })?;
        Ok(Answer::new(format.content_type(), body))
    }

    fn ready(&self) -> Result<Answer, Problem> {
        let document = ReadyDocument::new(self.view);
        let answer = if prefers_json(self.accept()) {
            Answer::json(&document)?
        } else {
            Answer::new(PLAIN, document.text())
        };
        let status = if document.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        Ok(answer.with_status(status))
    }

    fn accept(&self) -> &str {
        self.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Refuses whoever is not on this machine, or may not know what it asks.
    fn check_api(&self) -> Result<(), Problem> {
        if !self.listener.ip().is_loopback() {
            let detail = format!(
                "the API is only there where the listener is on a loopback address, and this one is on {}: listen on 127.0.0.1, or read the metrics",
                self.listener
            );
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        // HTTP/1.1 may have the name in the request line instead (RFC 9112, section 3.2.2).
        let host = self.headers.get(HOST).and_then(|value| value.to_str().ok());
        let host = self.uri.authority().map(hyper::http::uri::Authority::as_str).or(host);
        let Some(host) = host else {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "the request has no Host field: add one"));
        };
        let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
        let name = match host.rsplit_once(':') {
            Some((name, port)) if is_port(port) => name,
            _ => host,
        };
        if OWN_NAMES.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            return Ok(());
        }
        let detail = format!(
            "the API is not known as `{host}`: ask for it as {}",
            OWN_NAMES.map(|own| format!("{own}:{}", self.listener.port())).join(" or ")
        );
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }
}

const PLAIN: &str = "text/plain; charset=utf-8";
