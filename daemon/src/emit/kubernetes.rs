//! A `SeccompProfile` of the Security Profiles Operator
//! (kubernetes-sigs/security-profiles-operator, deploy/base-crds/crds/seccompprofile.yaml).
//!
//! Without the operator, Kubernetes takes the OCI form: a file under the kubelet's `seccomp/` folder, named in
//! a pod's `securityContext.seccompProfile.localhostProfile`.

use std::fmt;

use serde::Serialize;

use super::oci::{SyscallFile, action, arch_name, syscalls};
use super::{EmitError, Engine, Logging, oci};
use crate::policy::{Condition, DefaultAction, EPERM, Profile, Verdict};
use crate::syscalls::display_name;

const FORMAT: &str = "a SeccompProfile object";

/// A version of the operator's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// The present one, where the object belongs to the cluster.
    V1,
    /// The one before, for older operators.
    V1Beta1,
}

/// The name of an object, and its namespace where the API has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    name: String,
    namespace: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    api_version: String,
    kind: &'static str,
    metadata: Metadata<'a>,
    spec: Spec,
}

#[derive(Serialize)]
struct Metadata<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    default_action: &'static str,
    architectures: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flags: Vec<String>,
    syscalls: Vec<SyscallFile>,
}

impl ObjectName {
    /// A name as RFC 1123 has it, which Kubernetes asks for
    /// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>).
    pub fn new(name: &str, namespace: Option<&str>) -> Result<Self, EmitError> {
        let bad = |name: &str, problem| EmitError::ObjectName { name: name.to_owned(), problem };
        for (text, longest) in [(Some(name), 253), (namespace, 63)] {
            let Some(text) = text else { continue };
            if text.is_empty() || text.len() > longest {
                return Err(bad(text, "it is empty or too long"));
            }
            if !text.split('.').all(is_label) {
                return Err(bad(text, "only a-z, 0-9, `-` and `.` may stand there, and `-` not at an end"));
            }
        }
        Ok(Self { name: name.to_owned(), namespace: namespace.map(str::to_owned) })
    }
}

fn is_label(label: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    !label.is_empty() && label.bytes().all(allowed) && !label.starts_with('-') && !label.ends_with('-')
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "security-profiles-operator.x-k8s.io/v1",
            Self::V1Beta1 => "security-profiles-operator.x-k8s.io/v1beta1",
        })
    }
}

/// The profile as a YAML object.
pub fn kubernetes(
    profile: &Profile,
    api: Api,
    name: &ObjectName,
    engine: Engine,
    logging: Logging,
) -> Result<Vec<u8>, EmitError> {
    check_default(profile)?;
    check_values(profile)?;
    if let (Api::V1, Some(namespace)) = (api, &name.namespace) {
        return Err(EmitError::ObjectName {
            name: namespace.clone(),
            problem: "a SeccompProfile of v1 belongs to the whole cluster; leave --namespace out",
        });
    }
    let object = Object {
        api_version: api.to_string(),
        kind: "SeccompProfile",
        metadata: Metadata { name: &name.name, namespace: name.namespace.as_deref() },
        spec: Spec {
            default_action: action(profile.default_action()),
            architectures: vec![arch_name(profile.arch())],
            flags: oci::flags(engine, logging)?,
            syscalls: syscalls(FORMAT, profile)?,
        },
    };
    let text = serde_norway::to_string(&object);
    text.map(String::into_bytes).map_err(|error| EmitError::Encode("YAML", Box::new(error)))
}

/// The object has no `defaultErrnoRet`; runtimes then return `EPERM`.
fn check_default(profile: &Profile) -> Result<(), EmitError> {
    match profile.default_action() {
        DefaultAction::Errno(errno) if errno != EPERM => Err(EmitError::Default {
            format: FORMAT,
            action: profile.default_action().to_string(),
            way_out: "it has no field for the error, and EPERM is returned; use EPERM, or --to oci",
        }),
        _ => Ok(()),
    }
}

/// Its numbers are `int64`.
fn check_values(profile: &Profile) -> Result<(), EmitError> {
    for (nr, condition) in profile.allowed() {
        let Condition::When(any) = condition else { continue };
        let others = profile.others(any).map(|(_, others)| others).unwrap_or_default();
        let all = any.iter().chain(&others);
        let numbers = all.flat_map(|one| one.iter().collect::<Vec<_>>()).flat_map(|(_, masked)| {
            // A full mask is written as an equality, without the mask.
            let mask = if masked.mask() == u64::MAX { 0 } else { masked.mask() };
            [mask, masked.value()]
        });
        if numbers.into_iter().any(|number| i64::try_from(number).is_err()) {
            return Err(EmitError::Rule {
                format: FORMAT,
                syscall: display_name(profile.arch(), nr),
                rule: Verdict::Allow(condition.clone()).to_string(),
                way_out: "its numbers end at 2^63; use --to oci as a localhost profile",
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ENOSYS;
    use crate::policy::testing::{ALWAYS, masked, profile, sample, when};

    fn emitted(profile: &Profile, api: Api, namespace: Option<&str>) -> Result<String, String> {
        let name = ObjectName::new("web", namespace).map_err(|error| error.to_string())?;
        let bytes = kubernetes(profile, api, &name, Engine::Any, Logging::Kernel);
        bytes.map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|error| error.to_string())
    }

    /// Check that the namespace goes with the API that has one.
    #[test]
    fn only_the_old_api_has_a_namespace() {
        assert!(emitted(&sample(), Api::V1Beta1, Some("shop")).unwrap().contains("  namespace: shop\n"));
        let error = emitted(&sample(), Api::V1, Some("shop")).unwrap_err();
        assert!(error.contains("belongs to the whole cluster"), "{error}");
    }

    /// Check that names that the API server refuses are refused here.
    #[test]
    fn names_are_checked() {
        for name in ["", "Web", "a_b", "-a", "a-", "a..b", &"a".repeat(254)] {
            assert!(ObjectName::new(name, None).is_err(), "{name}");
        }
        assert!(ObjectName::new("web-1.example", None).is_ok());
    }

    /// Check that what the object has no field for is an error.
    #[test]
    fn missing_fields_are_errors() {
        let enosys = profile(DefaultAction::Errno(ENOSYS), &[("read", ALWAYS)]);
        assert!(emitted(&enosys, Api::V1, None).unwrap_err().contains("the default action `errno ENOSYS`"));
        let wide = [("ptrace", when(&[&[masked(0, u64::MAX, u64::MAX)]]))];
        let error = emitted(&profile(DefaultAction::KillProcess, &wide), Api::V1, None).unwrap_err();
        assert!(error.contains("the rule for `ptrace`"), "{error}");
        let narrow = [("ptrace", when(&[&[masked(0, u64::MAX, 16)]]))];
        assert!(emitted(&profile(DefaultAction::KillProcess, &narrow), Api::V1, None).is_ok());
    }
}
