//! Images made by tests, sound and hostile. Names nothing of the crate, so that both the module's own tests and those of
//! the command use it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{EntryType, Header};

/// How a layer is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// A layer in the making: a tar file.
#[derive(Default)]
pub(crate) struct LayerBuilder {
    tar: Vec<u8>,
}

/// An image in the making: its blobs, and what the manifest says of them.
pub(crate) struct ImageBuilder {
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    pub(crate) layers: Vec<Value>,
    pub(crate) unpacked: Vec<String>,
    pub(crate) run: Value,
    pub(crate) architecture: &'static str,
}

impl LayerBuilder {
    /// Any entry, whatever its name.
    pub(crate) fn entry(mut self, kind: EntryType, path: &str, target: &str, content: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        let old = header.as_old_mut();
        assert!(
            path.len() <= old.name.len() && target.len() <= old.linkname.len(),
            "{path}: use a long name"
        );
        old.name[..path.len()].copy_from_slice(path.as_bytes());
        old.linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.tar.extend(header.as_bytes());
        self.tar.extend(content);
        self.tar.resize(self.tar.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn file(self, path: &str, content: &[u8]) -> Self {
        self.entry(EntryType::Regular, path, "", content)
    }

    pub(crate) fn folder(self, path: &str) -> Self {
        self.entry(EntryType::Directory, path, "", b"")
    }

    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        self.entry(EntryType::Symlink, path, target, b"")
    }

    pub(crate) fn hard_link(self, path: &str, target: &str) -> Self {
        self.entry(EntryType::Link, path, target, b"")
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.tar.resize(self.tar.len() + 1024, 0);
        self.tar
    }
}

impl Default for ImageBuilder {
    fn default() -> Self {
        let (blobs, layers, unpacked) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { blobs, layers, unpacked, run: json!({ "Entrypoint": ["/app"] }), architecture: "amd64" }
    }
}

impl ImageBuilder {
    pub(crate) fn layer(mut self, layer: LayerBuilder, packing: Packing) -> Self {
        let tar = layer.finish();
        self.unpacked.push(format!("sha256:{}", digest(&tar)));
        let packed = pack(&tar, packing);
        let descriptor = self.blob("application/vnd.oci.image.layer.v1.tar", &packed);
        self.layers.push(descriptor);
        self
    }

    pub(crate) fn run(mut self, run: Value) -> Self {
        self.run = run;
        self
    }

    pub(crate) fn architecture(mut self, architecture: &'static str) -> Self {
        self.architecture = architecture;
        self
    }

    /// Keeps a blob, and says what it is.
    pub(crate) fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = digest(bytes);
        self.blobs.insert(digest.clone(), bytes.to_vec());
        json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len() })
    }

    fn config(&self) -> Vec<u8> {
        let root = json!({ "type": "layers", "diff_ids": self.unpacked });
        let config =
            json!({ "architecture": self.architecture, "os": "linux", "config": self.run, "rootfs": root });
        config.to_string().into_bytes()
    }

    /// The descriptor of the manifest.
    pub(crate) fn manifest(&mut self) -> Value {
        let config = self.blob("application/vnd.oci.image.config.v1+json", &self.config());
        let manifest = json!({ "schemaVersion": 2, "config": config, "layers": self.layers });
        self.blob("application/vnd.oci.image.manifest.v1+json", manifest.to_string().as_bytes())
    }

    /// Writes an image layout with this image alone.
    pub(crate) fn write_layout(mut self, folder: &Path) {
        let manifest = self.manifest();
        self.write_index(folder, &[manifest]);
    }

    /// Writes an image layout with these manifests.
    pub(crate) fn write_index(&self, folder: &Path, manifests: &[Value]) {
        let index = json!({ "schemaVersion": 2, "manifests": manifests }).to_string();
        for (name, bytes) in self.members(&index) {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap_or(folder)).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    fn members(&self, index: &str) -> Vec<(String, Vec<u8>)> {
        let layout = br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec();
        let mut members = vec![("oci-layout".to_owned(), layout), ("index.json".to_owned(), index.into())];
        members.extend(
            self.blobs.iter().map(|(digest, bytes)| (format!("blobs/sha256/{digest}"), bytes.clone())),
        );
        members
    }

    /// A tar file of an image layout.
    pub(crate) fn oci_archive(mut self) -> Vec<u8> {
        let manifest = self.manifest();
        let index = json!({ "schemaVersion": 2, "manifests": [manifest] }).to_string();
        let add = |tar: LayerBuilder, (name, bytes): (String, Vec<u8>)| tar.file(&name, &bytes);
        self.members(&index).into_iter().fold(LayerBuilder::default(), add).finish()
    }

    /// What `docker save` of Docker up to 24 writes: layers that are not packed, in folders, and where two are the same
    /// a link in place of the second.
    pub(crate) fn docker_archive(self, name: &str) -> Vec<u8> {
        let config = self.config();
        let config_name = format!("{}.json", digest(&config));
        let mut tar = LayerBuilder::default().file(&config_name, &config);
        let mut first: BTreeMap<&str, String> = BTreeMap::new();
        let mut layers = Vec::new();
        for (number, descriptor) in self.layers.iter().enumerate() {
            let digest = descriptor["digest"].as_str().unwrap().trim_start_matches("sha256:");
            let member = format!("{number:04}/layer.tar");
            tar = match first.get(digest) {
                Some(same) => tar.link(&member, &format!("../{same}")),
                None => tar.file(&member, &self.blobs[digest]),
            };
            first.entry(digest).or_insert_with(|| member.clone());
            layers.push(member);
        }
        let entry = json!([{ "Config": config_name, "RepoTags": [name], "Layers": layers }]);
        tar.file("manifest.json", entry.to_string().as_bytes()).finish()
    }
}

pub(crate) fn pack(bytes: &[u8], packing: Packing) -> Vec<u8> {
    match packing {
        Packing::Plain => bytes.to_vec(),
        Packing::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Packing::Zstd => {
            ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
        }
    }
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
