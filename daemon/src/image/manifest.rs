//! From the name of an image to its configuration and layers.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::blobs::Blobs;
use super::error::platform;
use super::layer::Layer;
use super::{Error, Kind, Location};
use crate::files::Digest;
use crate::model::Arch;

/// Indexes in indexes: tools write two at most.
const MOST_DEPTH: usize = 4;
/// Layers of an image: overlayfs, and so every runtime, takes 128 at most.
const MOST_LAYERS: usize = 128;
/// Where tools keep an image's name: the specification's, and containerd's.
const NAMES: [&str; 2] = ["org.opencontainers.image.ref.name", "io.containerd.image.name"];

/// What an image says of the process that it starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Settings {
    /// The entrypoint and its arguments.
    pub(super) command: Vec<String>,
    /// The folder that it starts in; empty for the root.
    pub(super) folder: String,
    /// `PATH`, if it is set.
    pub(super) path: Option<String>,
}

/// An index, or the manifest of one image.
#[derive(Deserialize)]
struct Listing {
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

#[derive(Clone, Deserialize)]
struct Descriptor {
    digest: String,
    size: u64,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Clone, Deserialize)]
struct Platform {
    architecture: String,
    os: String,
    variant: Option<String>,
}

#[derive(Deserialize)]
struct ConfigFile {
    architecture: Option<String>,
    os: Option<String>,
    config: Option<RunFile>,
    rootfs: RootFile,
}

#[derive(Deserialize)]
struct RunFile {
    #[serde(rename = "Entrypoint")]
    entrypoint: Option<Vec<String>>,
    #[serde(rename = "Cmd")]
    command: Option<Vec<String>>,
    #[serde(rename = "WorkingDir")]
    folder: Option<String>,
    #[serde(rename = "Env")]
    environment: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct RootFile {
    diff_ids: Vec<String>,
}

/// An entry of `manifest.json`, as `docker save` writes it.
#[derive(Deserialize)]
struct DockerEntry {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags")]
    names: Option<Vec<String>>,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

/// The configuration and the layers of the image that is meant, the lowest first.
pub(super) fn read(blobs: &Blobs, location: &Location, arch: Arch) -> Result<(Settings, Vec<Layer>), Error> {
    let wanted = location.reference.as_deref();
    if location.kind == Kind::DockerArchive
        && let Some(entries) = blobs.document::<Vec<DockerEntry>>("manifest.json")?
    {
        return of_docker(blobs, entries, wanted, arch);
    }
    let Some(index) = blobs.document::<Listing>("index.json")? else {
        let (what, missing) = match location.kind {
            Kind::DockerArchive => ("image of `docker save`", "manifest.json"),
            Kind::OciFolder | Kind::OciArchive => ("OCI image layout", "index.json"),
        };
        return Err(Error::NoImage { path: blobs.path().to_owned(), what, missing });
    };
    let top = by_name(index.manifests.unwrap_or_default(), wanted)?;
    let (config, layers) = of_oci(blobs, top, arch)?;
    let digest = digest_of(&config.digest)?;
    let config: ConfigFile = blobs.checked_document(&blob(digest), digest, "the configuration")?;
    let mut found = Vec::new();
    for (layer, unpacked) in layers.iter().zip(unpacked(&config, layers.len())?) {
        let packed = digest_of(&layer.digest)?;
        found.push(Layer { member: blob(packed), packed: Some((packed, layer.size)), unpacked });
    }
    Ok((settings(config, arch)?, found))
}

fn of_docker(
    blobs: &Blobs,
    entries: Vec<DockerEntry>,
    wanted: Option<&str>,
    arch: Arch,
) -> Result<(Settings, Vec<Layer>), Error> {
    let known: Vec<String> = entries.iter().flat_map(|entry| entry.names.iter().flatten()).cloned().collect();
    let is_wanted = |entry: &DockerEntry| match wanted {
        None => true,
        Some(wanted) => entry.names.iter().flatten().any(|name| is_named(name, wanted)),
    };
    let mut found = entries.into_iter().filter(is_wanted);
    let entry = match (found.next(), wanted) {
        (Some(entry), _) => entry,
        (None, Some(wanted)) => return Err(Error::NoReference { reference: wanted.to_owned(), known }),
        (None, None) => return Err(Error::Missing { what: "every image".to_owned() }),
    };
    if found.next().is_some() {
        return Err(Error::Several(known));
    }
    // The name is the digest, with or without a folder before it and an ending.
    let name = entry.config.rsplit('/').next().unwrap_or_default();
    let digest = digest_of(name.strip_suffix(".json").unwrap_or(name))?;
    let config: ConfigFile = blobs.checked_document(&entry.config, digest, "the configuration")?;
    let unpacked = unpacked(&config, entry.layers.len())?;
    let layers = entry.layers.into_iter().zip(unpacked);
    let layers = layers.map(|(member, unpacked)| Layer { member, packed: None, unpacked }).collect();
    Ok((settings(config, arch)?, layers))
}

/// The one image in a layout, or the one of this name.
fn by_name(manifests: Vec<Descriptor>, wanted: Option<&str>) -> Result<Vec<Descriptor>, Error> {
    let names = |descriptor: &Descriptor| -> Vec<String> {
        NAMES.iter().filter_map(|name| descriptor.annotations.get(*name)).cloned().collect()
    };
    let known: BTreeSet<String> = manifests.iter().flat_map(&names).collect();
    let known = || known.iter().cloned().collect::<Vec<_>>();
    let Some(wanted) = wanted else {
        let different: BTreeSet<Vec<String>> =
            manifests.iter().map(&names).filter(|names| !names.is_empty()).collect();
        return if different.len() > 1 { Err(Error::Several(known())) } else { Ok(manifests) };
    };
    let is_wanted = |descriptor: &Descriptor| names(descriptor).iter().any(|name| is_named(name, wanted));
    let found: Vec<Descriptor> = manifests.iter().filter(|one| is_wanted(one)).cloned().collect();
    if found.is_empty() {
        return Err(Error::NoReference { reference: wanted.to_owned(), known: known() });
    }
    Ok(found)
}

/// Whether a name is what was asked for: all of it, or its tag.
fn is_named(name: &str, wanted: &str) -> bool {
    name == wanted || name.rsplit_once(':').is_some_and(|(_, tag)| tag == wanted)
}

/// The image for an architecture: its configuration and layers.
fn of_oci(
    blobs: &Blobs,
    mut descriptors: Vec<Descriptor>,
    arch: Arch,
) -> Result<(Descriptor, Vec<Descriptor>), Error> {
    for _ in 0..MOST_DEPTH {
        let chosen = for_platform(&descriptors, arch)?;
        let digest = digest_of(&chosen.digest)?;
        let listing: Listing = blobs.checked_document(&blob(digest), digest, "the manifest")?;
        match (listing.manifests, listing.config, listing.layers) {
            (Some(inner), None, None) => descriptors = inner,
            (None, Some(config), Some(layers)) => return Ok((config, layers)),
            _ => {
                let problem = "is neither an index nor that of an image with a configuration and layers";
                return Err(Error::Invalid { what: "the manifest".to_owned(), problem: problem.to_owned() });
            }
        }
    }
    let problem = format!("has more than {MOST_DEPTH} indexes in each other");
    Err(Error::Invalid { what: "the index".to_owned(), problem })
}

/// The descriptor for an architecture: one that says so, the plainest variant first; or the only one that says nothing.
fn for_platform(descriptors: &[Descriptor], arch: Arch) -> Result<&Descriptor, Error> {
    let fits = |descriptor: &&Descriptor| {
        let platform = descriptor.platform.as_ref();
        platform.is_some_and(|one| one.os == "linux" && one.architecture == self::platform(arch))
    };
    let variant = |descriptor: &&Descriptor| descriptor.platform.as_ref().and_then(|one| one.variant.clone());
    if let Some(found) = descriptors.iter().filter(fits).min_by_key(variant) {
        return Ok(found);
    }
    let mut silent = descriptors.iter().filter(|descriptor| descriptor.platform.is_none());
    match (silent.next(), silent.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(Error::Several(Vec::new())),
        (None, _) => {
            let platforms = descriptors.iter().filter_map(|descriptor| descriptor.platform.as_ref());
            // Attestations, which tools store as images of a platform of their own.
            let known = platforms.filter(|one| one.os != "unknown");
            let known = known.map(|one| format!("{}/{}", one.os, one.architecture)).collect();
            Err(Error::NoPlatform { arch, known })
        }
    }
}

/// The digest of each layer's unpacked bytes.
fn unpacked(config: &ConfigFile, layers: usize) -> Result<Vec<Digest>, Error> {
    let invalid = |problem| Err(Error::Invalid { what: "the configuration".to_owned(), problem });
    if layers > MOST_LAYERS {
        return invalid(format!("has {layers} layers, and runtimes take {MOST_LAYERS} at most"));
    }
    if config.rootfs.diff_ids.len() != layers {
        return invalid(format!("knows {} layers, and the manifest {layers}", config.rootfs.diff_ids.len()));
    }
    config.rootfs.diff_ids.iter().map(|text| digest_of(text)).collect()
}

fn settings(file: ConfigFile, arch: Arch) -> Result<Settings, Error> {
    let is_linux = file.os.as_deref().is_none_or(|os| os == "linux");
    if !is_linux || file.architecture.as_deref().is_some_and(|name| name != platform(arch)) {
        let name = |name: Option<String>| name.unwrap_or_else(|| "unknown".to_owned());
        let known = vec![format!("{}/{}", name(file.os), name(file.architecture))];
        return Err(Error::NoPlatform { arch, known });
    }
    let Some(run) = file.config else { return Ok(Settings::default()) };
    let variables = run.environment.unwrap_or_default();
    Ok(Settings {
        command: [run.entrypoint, run.command].into_iter().flatten().flatten().collect(),
        folder: run.folder.unwrap_or_default(),
        path: variables.iter().find_map(|variable| variable.strip_prefix("PATH=")).map(str::to_owned),
    })
}

fn blob(digest: Digest) -> String {
    format!("blobs/sha256/{digest}")
}

fn digest_of(text: &str) -> Result<Digest, Error> {
    let hexadecimal = text.strip_prefix("sha256:").unwrap_or(text);
    Digest::parse(hexadecimal).ok_or_else(|| Error::Invalid {
        what: format!("the digest `{}`", text.escape_debug()),
        problem: "is no SHA-256".to_owned(),
    })
}
