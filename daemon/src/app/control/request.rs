//! What can be asked, as one line of JSON.

use serde::{Deserialize, Serialize};

use super::document::{RELOAD, STATUS, VIOLATIONS, WORKLOAD, WORKLOADS};
use crate::files::{Document, check_document};
use crate::model::WorkloadId;

const REQUEST: Document = Document { format: "seccinch.request", version: 1 };

/// What a client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// How the daemon does.
    Status,
    /// All workloads.
    Workloads,
    /// One workload.
    Workload(WorkloadId),
    /// The latest violations.
    Violations,
    /// Read the configuration again.
    Reload,
}

/// What a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// See.
    Read,
    /// Change something.
    Change,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestDocument {
    format: String,
    version: u32,
    request: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workload: Option<String>,
}

impl Request {
    /// What it may do.
    pub fn ask(&self) -> Ask {
        if *self == Self::Reload { Ask::Change } else { Ask::Read }
    }

    /// What it is answered with.
    pub fn answer(&self) -> Document {
        match self {
            Self::Status => STATUS,
            Self::Workloads => WORKLOADS,
            Self::Workload(_) => WORKLOAD,
            Self::Violations => VIOLATIONS,
            Self::Reload => RELOAD,
        }
    }

    /// The request as a line.
    pub fn to_line(&self) -> String {
        let (request, workload) = match self {
            Self::Status => ("status", None),
            Self::Workloads => ("workloads", None),
            Self::Workload(id) => ("workload", Some(id.to_string())),
            Self::Violations => ("violations", None),
            Self::Reload => ("reload", None),
        };
        let (format, version) = (REQUEST.format.to_owned(), REQUEST.version);
        let document = RequestDocument { format, version, request: request.to_owned(), workload };
        // A type of texts and numbers has no way to fail.
        serde_json::to_string(&document).unwrap_or_default() + "\n"
    }

    /// Reads a line; what is wrong with it is told in words.
    pub fn from_line(line: &[u8]) -> Result<Self, String> {
        check_document(line, REQUEST).map_err(|error| error.to_string())?;
        let document: RequestDocument = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        match (document.request.as_str(), document.workload) {
            ("status", None) => Ok(Self::Status),
            ("workloads", None) => Ok(Self::Workloads),
            ("workload", Some(id)) => {
                WorkloadId::parse(&id).map(Self::Workload).map_err(|error| error.to_string())
            }
            ("violations", None) => Ok(Self::Violations),
            ("reload", None) => Ok(Self::Reload),
            ("workload", None) => Err("the request `workload` needs a `workload`".to_owned()),
            ("status" | "workloads" | "violations" | "reload", Some(_)) => {
                Err(format!("the request `{}` takes no `workload`", document.request))
            }
            (other, _) => Err(format!(
                "there is no request `{other}`: ask for status, workloads, workload, violations or reload"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that every request is read as it was written.
    #[test]
    fn requests_survive_their_line() {
        let workload = Request::Workload(WorkloadId::parse("systemd:a.service").unwrap());
        for request in [Request::Status, Request::Workloads, workload, Request::Violations, Request::Reload] {
            assert_eq!(Request::from_line(request.to_line().trim_end().as_bytes()), Ok(request));
        }
    }

    /// Check that what is no request is told so.
    #[test]
    fn what_is_no_request_is_told() {
        let said = |text: &str| Request::from_line(text.as_bytes()).unwrap_err();
        assert_eq!(said("GET / HTTP/1.1"), "not a JSON file");
        let head = r#""format":"seccinch.request","version":1"#;
        assert!(said(r#"{"format":"seccinch.request","version":2,"request":"status"}"#).contains("newer"));
        assert!(said(&format!("{{{head},\"request\":\"x\"}}")).starts_with("there is no request `x`"));
        assert!(said(&format!("{{{head},\"request\":\"workload\"}}")).contains("needs a `workload`"));
        assert!(said(&format!("{{{head},\"request\":\"status\",\"more\":1}}")).contains("unknown field"));
    }
}
