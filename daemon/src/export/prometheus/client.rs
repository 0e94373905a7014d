//! One question to the HTTP API of a Prometheus (<https://prometheus.io/docs/prometheus/latest/querying/api/>).

use std::fmt;
use std::time::Duration;

use ureq::http::StatusCode;
use ureq::tls::{RootCerts, TlsConfig};

use super::answer;
use super::error::PrometheusError;

/// The most that is read of an answer: the profiles of a thousand hosts have about 30 MiB.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A Prometheus gives up on a query after two minutes by default.
const ANSWER_WITHIN: Duration = Duration::from_secs(130);
/// So much of a foreign page is shown.
const MOST_SHOWN: usize = 200;

/// Where a Prometheus is: `http://host:9090`, with a path if it is behind a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url(String);

impl Url {
    pub(super) fn parse(text: &str) -> Result<Self, PrometheusError> {
        let wrong = |problem| PrometheusError::Url { url: text.to_owned(), problem };
        let scheme = ["http://", "https://"].into_iter().find(|scheme| text.starts_with(scheme));
        let Some(scheme) = scheme else {
            return Err(wrong("begin it with http:// or https://"));
        };
        let rest = &text[scheme.len()..];
        let authority = rest.split('/').next().unwrap_or_default();
        if authority.is_empty() {
            return Err(wrong("it names no host"));
        }
        if authority.contains('@') {
            return Err(wrong("a login can't be given in it, where everybody on this machine could read it"));
        }
        if rest.contains(['?', '#']) {
            return Err(wrong("end it with the host or the path prefix; the query is added"));
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The answer to an instant query, as it came.
pub(super) fn fetch(url: &Url, query: &str) -> Result<Vec<u8>, PrometheusError> {
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let config = ureq::Agent::config_builder()
        .timeout_connect(Some(CONNECT_WITHIN))
        .timeout_global(Some(ANSWER_WITHIN))
        .http_status_as_error(false)
        .user_agent(concat!("seccinch/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls)
        .build();
    let failed = |source: ureq::Error| match source {
        ureq::Error::BodyExceedsLimit(limit) => PrometheusError::TooLarge { url: url.to_string(), limit },
        other => PrometheusError::Unreachable { url: url.to_string(), source: Box::new(other) },
    };
    let request = ureq::Agent::new_with_config(config).get(format!("{url}/api/v1/query"));
    let mut response =
        request.query("query", query).header("Accept", "application/json").call().map_err(failed)?;
    let body = response.body_mut().with_config().limit(MOST_BYTES).read_to_vec().map_err(failed)?;
    if response.status() == StatusCode::OK {
        return Ok(body);
    }
    let message = answer::error(&body).unwrap_or_else(|| advice(response.status(), &body));
    Err(PrometheusError::Status { url: url.to_string(), status: response.status().as_u16(), message })
}

fn advice(status: StatusCode, body: &[u8]) -> String {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "it wants to know who asks, which can't be told from here: ask from where it does not".to_owned()
        }
        StatusCode::NOT_FOUND => "there is no such API: check the path, if there is a prefix".to_owned(),
        _ => {
            let text: String = String::from_utf8_lossy(body).chars().take(MOST_SHOWN).collect();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that addresses are told from what is none.
    #[test]
    fn addresses_are_checked() {
        for (text, url) in [
            ("http://localhost:9090", "http://localhost:9090"),
            ("https://[::1]:9090/prom/", "https://[::1]:9090/prom"),
        ] {
            assert_eq!(Url::parse(text).unwrap().to_string(), url);
        }
        for (text, why) in [
            ("localhost:9090", "begin it with http://"),
            ("file:///etc/passwd", "begin it with http://"),
            ("http://", "it names no host"),
            ("http:///prom", "it names no host"),
            ("http://a:b@host", "a login can't be given"),
            ("http://host/graph?g0.expr=up", "end it with the host"),
        ] {
            let error = Url::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
