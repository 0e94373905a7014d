//! Profiles: by the hash of their bytes, and of a workload in any format.

use std::path::Path;
use std::str::FromStr as _;

use hyper::StatusCode;
use hyper::header::HeaderValue;

use super::query::Query;
use crate::emit::{self, Api, EmitError, Engine, Logging, ObjectName};
use crate::export::http::{Answer, Problem};
use crate::export::view::{View, WorkloadView};
use crate::files::read_bounded;
use crate::model::{WorkloadId, chain};
use crate::policy::{Digest, Profile, file};

/// The most bytes of a profile that are read: many times what one with every call has.
const MOST_BYTES: u64 = 4 * 1024 * 1024;
/// The parameters of a conversion, named as the options of `seccinch profile convert`.
const PARAMETERS: [&str; 6] = ["to", "runtime", "log-denials", "api", "name", "namespace"];

/// An OCI profile by the SHA-256 of its bytes. It never changes, so that whoever has it once need not ask again.
pub(super) fn by_hash(view: &View, name: &str, if_none_match: Option<&str>) -> Result<Answer, Problem> {
    let unknown = || {
        let detail = format!(
            "no profile `{name}` is kept: it is named by 64 hexadecimal digits and `.json`, and old generations are deleted; see /api/v1/workloads for the newest"
        );
        Problem::new(StatusCode::NOT_FOUND, detail)
    };
    let digest = name.strip_suffix(".json").and_then(Digest::parse).ok_or_else(unknown)?;
    let sha256 = digest.to_string();
    let path = view.profiles.get(&sha256).ok_or_else(unknown)?;
    let tag = format!("\"{sha256}\"");
    let etag = HeaderValue::from_str(&tag).map_err(|_| unknown())?;
    if if_none_match.is_some_and(|known| matches_tag(known, &tag)) {
        return Ok(Answer::json_text("").immutable(etag).not_modified());
    }
    let bytes = read(path)?;
    if Digest::of(&bytes) != digest {
        let detail = format!(
            "{} was changed since it was written, and is not shown: delete its generation, a new one is made",
            path.display()
        );
        return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail));
    }
    Ok(Answer::json_text(bytes).immutable(etag))
}

/// RFC 9110, section 13.1.2: any of a list, or `*`; weak or not makes no difference.
fn matches_tag(list: &str, tag: &str) -> bool {
    let mut tags = list.split(',').map(|one| one.trim().trim_start_matches("W/"));
    tags.any(|one| one == "*" || one == tag)
}

/// A workload's newest profile in a format.
pub(super) fn convert(workload: &WorkloadView, query: &str) -> Result<Answer, Problem> {
    let query = Query::parse(query, &PARAMETERS)?;
    let Some(generation) = &workload.generation else {
        let detail =
            format!("`{}` has no profile yet: there is one when it was watched for a while", workload.id);
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    };
    let path = generation.folder.join("profile.json");
    let profile = file::parse(&read(&path)?).map_err(|error| {
        let detail = format!("cannot use {}: {}", path.display(), chain(&error));
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    })?;
    emitted(&profile, &workload.id, &query)
}

fn emitted(profile: &Profile, id: &WorkloadId, query: &Query) -> Result<Answer, Problem> {
    let engine = Engine::from_str(query.get("runtime").unwrap_or("any")).map_err(|error| bad(&error))?;
    let logging = match query.get("log-denials") {
        None | Some("false") => Logging::Kernel,
        Some("" | "true") => Logging::Denials,
        Some(other) => return Err(refused(format!("`{other}` is not true or false"))),
    };
    let text = |content_type: &'static str, bytes: Result<Vec<u8>, EmitError>| {
        bytes.map(|bytes| Answer::new(content_type, bytes)).map_err(|error| bad(&error))
    };
    match query.get("to").unwrap_or("oci") {
        "oci" | "localhost" => text("application/json", emit::oci(profile, engine, logging)),
        "docker" => text("application/json", emit::docker(profile, engine, logging)),
        "systemd" => text("text/plain; charset=utf-8", emit::systemd(profile)),
        "bpf" => text("application/octet-stream", emit::bpf(profile)),
        "ir" | "seccinch" => text("application/json", file::render(profile).map_err(EmitError::from)),
        "k8s" | "kubernetes" => {
            let (api, name) = object(id, query)?;
            text("application/yaml", emit::kubernetes(profile, api, &name, engine, logging))
        }
        other => Err(refused(format!("`{other}` is no format: use oci, docker, systemd, k8s, bpf or ir"))),
    }
}

fn object(id: &WorkloadId, query: &Query) -> Result<(Api, ObjectName), Problem> {
    let api = match query.get("api").unwrap_or("v1") {
        "v1" => Api::V1,
        "v1beta1" => Api::V1Beta1,
        other => return Err(refused(format!("`{other}` is no version of the API: use v1 or v1beta1"))),
    };
    let name = query.get("name").map_or_else(|| default_name(id), str::to_owned);
    Ok((api, ObjectName::new(&name, query.get("namespace")).map_err(|error| bad(&error))?))
}

/// The last part of the workload's id, as far as its letters are allowed.
fn default_name(id: &WorkloadId) -> String {
    let last = match id {
        WorkloadId::Unit(unit) => unit.strip_suffix(".service").unwrap_or(unit),
        WorkloadId::Kubernetes { owner, .. } => owner,
        WorkloadId::Executable(path) => path.rsplit('/').next().unwrap_or_default(),
    };
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = last.chars().map(allowed).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "seccinch".to_owned() } else { name.to_owned() }
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    read_bounded(path, MOST_BYTES).map_err(|error| {
        let detail = format!("{}: see /readyz for what fails", chain(&error));
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    })
}

fn refused(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

fn bad(error: &dyn std::error::Error) -> Problem {
    refused(chain(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that known tags are found however a client writes them.
    #[test]
    fn tags_are_matched() {
        let tag = "\"ab\"";
        for known in ["\"ab\"", "W/\"ab\"", "\"x\", \"ab\"", "*"] {
            assert!(matches_tag(known, tag), "{known}");
        }
        for other in ["ab", "\"abc\"", ""] {
            assert!(!matches_tag(other, tag), "{other}");
        }
    }

    /// Check that an object's default name is one that Kubernetes takes.
    #[test]
    fn default_names_are_usable() {
        for (id, name) in [
            ("systemd:caddy.service", "caddy"),
            ("k8s:shop/Deployment/web/app", "web"),
            ("exe:/opt/My App_2", "my-app-2"),
            ("exe:/opt/ä", "seccinch"),
        ] {
            let default = default_name(&WorkloadId::parse(id).unwrap());
            assert_eq!(default, name);
            ObjectName::new(&default, None).unwrap();
        }
    }
}
