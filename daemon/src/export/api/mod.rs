//! The API: documents of what is known, for programs.
//!
//! In: a path, and a [`View`]. Out: JSON with `format` and `version`, or a profile. Within a version, fields
//! are only added. `openapi.json` describes it all.

mod callers;
mod profiles;
mod query;
mod reach;
mod roles;
mod status;
mod violations;
mod workload;
mod workloads;

use hyper::StatusCode;
use hyper::header::{HeaderName, IF_NONE_MATCH};
use serde::Serialize;

pub(super) use self::status::ReadyDocument;
use super::http::{Answer, Problem};
use super::view::{View, WorkloadView};
use crate::model::{Arch, WorkloadId};

/// The description of all paths (OpenAPI 3.1).
const OPENAPI: &str = include_str!("openapi.json");

/// Every path of the API, as the description writes them.
pub const PATHS: [&str; 7] = [
    "/api/v1/workloads",
    "/api/v1/workloads/{id}",
    "/api/v1/workloads/{id}/profile",
    "/api/v1/profiles/{sha256}.json",
    "/api/v1/violations",
    "/api/v1/status",
    "/api/v1/openapi.json",
];

/// What a document is.
#[derive(Debug, Clone, Copy, Serialize)]
struct Head {
    format: &'static str,
    version: u32,
}

impl Head {
    const fn new(format: &'static str) -> Self {
        Self { format, version: 1 }
    }
}

/// The answer to a path below `/api`.
pub(super) fn answer<'a>(
    path: &str,
    query: &str,
    header: impl Fn(HeaderName) -> Option<&'a str>,
    view: &View,
) -> Result<Answer, Problem> {
    let unknown = || {
        let detail = "the API has no such path: see /api/v1/openapi.json for those that it has";
        Problem::new(StatusCode::NOT_FOUND, detail)
    };
    let parts: Vec<&str> = path.strip_prefix("/api/v1/").ok_or_else(unknown)?.split('/').collect();
    match parts[..] {
        ["workloads"] => Answer::json(&workloads::document(view)),
        ["workloads", id] => Answer::large_json(&workload::document(find(view, id)?, view.host.arch)),
        ["workloads", id, "profile"] => profiles::convert(find(view, id)?, query),
        ["profiles", name] => profiles::by_hash(view, name, header(IF_NONE_MATCH)),
        ["violations"] => Answer::json(&violations::document(view)),
        ["status"] => Answer::json(&status::document(view)),
        ["openapi.json"] => Ok(Answer::json_text(OPENAPI)),
        _ => Err(unknown()),
    }
}

/// `seccinch.status`, for whoever else shows it.
pub fn status(view: &View) -> impl Serialize + use<> {
    status::document(view)
}

/// `seccinch.workloads`, for whoever else shows it.
pub fn workloads(view: &View) -> impl Serialize + use<> {
    workloads::document(view)
}

/// `seccinch.workload`, for whoever else shows it.
pub fn workload(workload: &WorkloadView, arch: Arch) -> impl Serialize + use<> {
    workload::document(workload, arch)
}

/// `seccinch.violations`, for whoever else shows it.
pub fn violations(view: &View) -> impl Serialize + use<> {
    violations::document(view)
}

fn find<'a>(view: &'a View, part: &str) -> Result<&'a WorkloadView, Problem> {
    let id = WorkloadId::unescape(part)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    view.workloads.get(&id).map(AsRef::as_ref).ok_or_else(|| {
        let detail = format!("no workload `{id}` is known: see /api/v1/workloads for those that are");
        Problem::new(StatusCode::NOT_FOUND, detail)
    })
}
