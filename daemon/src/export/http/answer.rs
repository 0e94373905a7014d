//! Answers, and what is said where there is none (RFC 9457).

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// JSON documents of ours.
const JSON: &str = "application/json";

/// An answer before it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

/// Why there is no answer: what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The status.
    pub(crate) status: StatusCode,
    /// What went wrong with this request, and what to do.
    pub(crate) detail: String,
}

#[derive(Serialize)]
struct ProblemDocument<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    fn unwritten(error: &crate::files::WriteError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the document can't be written: {error}"))
    }

    /// As an answer to the request for a path.
    pub(crate) fn answer(&self, path: &str) -> Answer {
        let document = ProblemDocument {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: &self.detail,
            instance: path,
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        Answer::new("application/problem+json", body).with_status(self.status)
    }
}

impl Answer {
    /// A body of a media type. Nothing is kept by caches unless [`Answer::immutable`] says so.
    pub(crate) fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let headers = vec![
            (CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        Self { status: StatusCode::OK, headers, body: body.into() }
    }

    /// A JSON document.
    pub(crate) fn json(document: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self::new(JSON, crate::files::to_json(document).map_err(|error| Problem::unwritten(&error))?))
    }

    /// A large JSON document, on one line: slow clients make it be held.
    pub(crate) fn large_json(document: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self::new(
            JSON,
            crate::files::to_compact_json(document).map_err(|error| Problem::unwritten(&error))?,
        ))
    }

    /// A JSON document that is written already.
    pub(crate) fn json_text(text: impl Into<Bytes>) -> Self {
        Self::new(JSON, text)
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// What is named by its content never changes.
    pub(crate) fn immutable(mut self, etag: HeaderValue) -> Self {
        let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
        self.headers.retain(|(name, _)| name != CACHE_CONTROL);
        self.headers.extend([(CACHE_CONTROL, forever), (ETAG, etag)]);
        self
    }

    /// The same without its body: the client has it.
    pub(crate) fn not_modified(mut self) -> Self {
        self.headers.retain(|(name, _)| name != CONTENT_TYPE);
        self.body = Bytes::new();
        self.with_status(StatusCode::NOT_MODIFIED)
    }

    /// With the methods that there are.
    pub(super) fn allowing(mut self, methods: &'static str) -> Self {
        self.headers.push((ALLOW, HeaderValue::from_static(methods)));
        self
    }

    /// The last one on its connection.
    pub(super) fn closing(mut self) -> Self {
        self.headers.push((CONNECTION, HeaderValue::from_static("close")));
        self
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response
    }
}
