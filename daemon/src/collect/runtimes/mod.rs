//! What container runtimes keep on disk about their containers.
//!
//! In: a container's id. Out: what Kubernetes told the runtime of it. The files are the runtime's, but names and
//! annotations in them are anybody's: they are read up to a bound, and what is not understood is left out.

mod owner;

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::{Place, WorkloadId};

/// A container's `config.json`; real ones have some 20 KiB.
const MOST_BYTES: u64 = 4 << 20;
/// Namespaces of containerd that are looked into; real hosts have two or three.
const MOST_NAMESPACES: usize = 64;
/// A longer name is none that a runtime or Kubernetes gave.
const MOST_NAME_BYTES: usize = 253;
/// An image's name with its registry, tag and digest.
const MOST_IMAGE_BYTES: usize = 1024;

/// The state folders of the runtimes of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtimes {
    containerd: PathBuf,
}

/// What is known of a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Container {
    /// Its first process.
    pub(super) first: Option<u32>,
    /// Where it runs.
    pub(super) place: Place,
    /// What it is a replica of, if Kubernetes started it.
    pub(super) workload: Option<WorkloadId>,
}

impl Default for Runtimes {
    fn default() -> Self {
        Self::at("/run/containerd".into())
    }
}

impl Runtimes {
    /// Reads containerd's state from this folder.
    pub fn at(containerd: PathBuf) -> Self {
        Self { containerd }
    }

    /// What is known of a container; nothing if no runtime has it.
    pub(super) fn container(&self, id: &str) -> Option<Container> {
        // An id comes from a control group's name: it must lead to no other folder.
        if id.is_empty() || id.len() > MOST_NAME_BYTES || id.contains('/') || id.starts_with('.') {
            return None;
        }
        let tasks = self.containerd.join("io.containerd.runtime.v2.task");
        let namespaces = fs::read_dir(tasks).ok()?.flatten().take(MOST_NAMESPACES);
        let folder = namespaces.map(|namespace| namespace.path().join(id)).find(|folder| folder.is_dir())?;
        let config = read(&folder.join("config.json"), MOST_BYTES).unwrap_or_default();
        let first = read(&folder.join("init.pid"), 16);
        let first = first.and_then(|text| String::from_utf8(text).ok()?.trim().parse().ok());
        let annotations = serde_json::from_slice::<Config>(&config).unwrap_or_default().annotations;
        Some(Container { first, ..annotations.container(id) })
    }
}

/// The part of an OCI runtime configuration that is needed.
#[derive(Deserialize, Default)]
struct Config {
    #[serde(default)]
    annotations: Annotations,
}

/// What containerd's CRI plugin notes (`pkg/cri/annotations/annotations.go`, containerd 1.6).
#[derive(Deserialize, Default)]
struct Annotations {
    #[serde(rename = "io.kubernetes.cri.container-type", default)]
    kind: Option<String>,
    #[serde(rename = "io.kubernetes.cri.container-name", default)]
    name: Option<String>,
    #[serde(rename = "io.kubernetes.cri.sandbox-name", default)]
    pod: Option<String>,
    #[serde(rename = "io.kubernetes.cri.sandbox-namespace", default)]
    namespace: Option<String>,
    #[serde(rename = "io.kubernetes.cri.image-name", default)]
    image: Option<String>,
}

impl Annotations {
    fn container(self, id: &str) -> Container {
        let is_container = self.kind.as_deref() != Some("sandbox");
        let [name, pod, namespace] =
            [self.name, self.pod, self.namespace].map(|text| text.filter(|text| is_name(text)));
        let workload = match (&namespace, &pod, &name) {
            (Some(namespace), Some(pod), Some(name)) if is_container => workload(namespace, pod, name),
            _ => None,
        };
        let image = self.image.filter(|image| image.len() <= MOST_IMAGE_BYTES);
        let place = Place { container: Some(id.to_owned()), image, pod, namespace };
        Container { first: None, place, workload }
    }
}

fn workload(namespace: &str, pod: &str, container: &str) -> Option<WorkloadId> {
    let (kind, owner) = owner::of_pod(pod);
    // Read again as it will be read from a file: what is refused there is none.
    WorkloadId::parse(&format!("k8s:{namespace}/{kind}/{owner}/{container}")).ok()
}

/// Whether a text can be a name of Kubernetes: letters, digits, `-`, `.`.
fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    !text.is_empty() && text.len() <= MOST_NAME_BYTES && text.bytes().all(is_allowed)
}

fn read(path: &Path, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path).ok()?.take(most + 1).read_to_end(&mut bytes).ok()?;
    (read as u64 <= most).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtimes(config: &str) -> (tempfile::TempDir, Runtimes) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("io.containerd.runtime.v2.task/k8s.io/abc");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.json"), config).unwrap();
        fs::write(folder.join("init.pid"), "41").unwrap();
        let runtimes = Runtimes::at(root.path().into());
        (root, runtimes)
    }

    fn config(name: &str, pod: &str) -> String {
        format!(
            r#"{{"ociVersion": "1.0.2", "annotations": {{"io.kubernetes.cri.container-type": "container",
            "io.kubernetes.cri.container-name": "{name}", "io.kubernetes.cri.sandbox-name": "{pod}",
            "io.kubernetes.cri.sandbox-namespace": "shop", "io.kubernetes.cri.image-name": "reg/web:1"}}}}"#
        )
    }

    /// Check that the annotations of CRI lead to the owner's workload, and to where it runs.
    #[test]
    fn pods_lead_to_their_owner() {
        let (_root, runtimes) = runtimes(&config("app", "web-7d4b9c8f6d-x2x5k"));
        let container = runtimes.container("abc").unwrap();
        assert_eq!(container.workload.unwrap().to_string(), "k8s:shop/Deployment/web/app");
        assert_eq!(container.first, Some(41));
        assert_eq!(container.place.pod.as_deref(), Some("web-7d4b9c8f6d-x2x5k"));
        assert_eq!(container.place.image.as_deref(), Some("reg/web:1"));
        assert_eq!(runtimes.container("abd"), None);
    }

    /// Check that hostile annotations and ids make no workload, and no harm.
    #[test]
    fn hostile_state_is_tolerated() {
        for text in ["", "[", "{\"annotations\": {\"io.kubernetes.cri.container-name\": 7}}"] {
            let (_root, runtimes) = runtimes(text);
            assert_eq!(runtimes.container("abc").unwrap().workload, None, "{text}");
        }
        for name in ["..", "a/b", "", "a b", &"a".repeat(400)] {
            let (_root, runtimes) = runtimes(&config(name, "web-0"));
            let workload = runtimes.container("abc").unwrap().workload;
            assert!(name == ".." || workload.is_none(), "{name}: {workload:?}");
            assert_eq!(workload, None, "{name}");
        }
        let (_root, runtimes) = runtimes(&config("app", "web-0"));
        for id in ["..", "../k8s.io/abc", "", ".", "/abc"] {
            assert_eq!(runtimes.container(id), None, "{id}");
        }
    }
}
