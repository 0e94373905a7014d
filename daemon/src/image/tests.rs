//! Whole images, sound and hostile.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::testing::{ImageBuilder, LayerBuilder, Packing, digest, pack};
use super::{Error, Image, Limits, Location};
use crate::model::Arch;

fn layer() -> LayerBuilder {
    LayerBuilder::default()
}

fn open_with(folder: &Path, limits: Limits) -> Result<Image, Error> {
    let location = Location::parse(&format!("oci:{}", folder.display()), |_| true).unwrap();
    Image::open(&location, Arch::X86_64, limits)
}

fn opened(builder: ImageBuilder) -> Result<(Image, TempDir), Error> {
    let folder = tempfile::tempdir().unwrap();
    builder.write_layout(folder.path());
    open_with(folder.path(), Limits::default()).map(|image| (image, folder))
}

/// An image of these layers, which are packed in turn in all three ways.
fn image(layers: impl IntoIterator<Item = LayerBuilder>) -> ImageBuilder {
    let ways = [Packing::Gzip, Packing::Zstd, Packing::Plain].into_iter().cycle();
    layers.into_iter().zip(ways).fold(ImageBuilder::default(), |image, (layer, way)| image.layer(layer, way))
}

/// The content of a file of the image, if there is one.
fn content(image: &Image, path: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    image.extract(&[PathBuf::from(path)], folder.path()).unwrap();
    fs::read_to_string(super::below(folder.path(), Path::new(path))).ok()
}

/// The message of an image that must not open, with what is beneath it.
fn refusal(builder: ImageBuilder) -> String {
    crate::model::chain(&opened(builder).map(|_| ()).unwrap_err())
}

/// Check that an upper layer hides, removes and empties what is below, whatever the order of its entries.
#[test]
fn layers_lie_over_each_other() {
    let below = layer()
        .folder("etc/")
        .file("etc/a", b"a1")
        .file("etc/b", b"b1")
        .file("opt/x/y", b"y1")
        .file("f", b"f1");
    let above = layer()
        .file("etc/a", b"a2")
        .file("opt/z", b"z2")
        .file("opt/.wh..wh..opq", b"")
        .file("etc/.wh.b", b"")
        .folder("f/")
        .file("f/inside", b"i2");
    let (image, _folder) = opened(image([below, above, layer().file("etc/c", b"c3")])).unwrap();
    for (path, expected) in [
        ("etc/a", Some("a2")),
        ("/etc/b", None),
        ("etc/c", Some("c3")),
        ("opt/x/y", None),
        ("opt/z", Some("z2")),
        ("f", None),
        ("f/inside", Some("i2")),
        ("etc", None),
    ] {
        assert_eq!(content(&image, path).as_deref(), expected, "{path}");
    }
}

/// Check that links of both kinds are followed inside the image, that none leads out of it, and that a circle ends.
#[test]
fn links_stay_inside() {
    let below = layer()
        .folder("usr/lib/")
        .file("usr/lib/real", b"content")
        .link("lib", "usr/lib")
        .hard_link("usr/lib/other", "usr/lib/real")
        .hard_link("dangling", "nothing")
        .link("escape", "../../../../../../etc/hostname")
        .link("absolute", "/usr/lib/real")
        .link("circle", "circle");
    let above = layer().file("lib/added", b"through the link");
    let (image, _folder) = opened(image([below, above])).unwrap();
    for (path, expected) in [
        ("lib/real", Some("content")),
        ("usr/lib/other", Some("content")),
        ("absolute", Some("content")),
        ("usr/lib/added", Some("through the link")),
        ("escape", None),
        ("circle", None),
        ("dangling", None),
        ("../../usr/lib/real", Some("content")),
    ] {
        assert_eq!(content(&image, path).as_deref(), expected, "{path}");
    }
    assert_eq!(image.named("real"), [PathBuf::from("usr/lib/real")]);
    assert_eq!(image.find_program("lib/real"), Some(PathBuf::from("usr/lib/real")));
}

/// Check that names longer than a header holds are read, by GNU's way and by pax, and that absurd ones are refused.
#[test]
fn long_names_are_bounded() {
    let long = format!("{}/end", "d".repeat(200));
    let record = |key: &str, value: &str| {
        let rest = format!(" {key}={value}\n");
        let length =
            (1..9).map(|digits| rest.len() + digits).find(|all| all.to_string().len() + rest.len() == *all);
        format!("{}{rest}", length.unwrap())
    };
    let gnu = layer().entry(tar::EntryType::GNULongName, "././@LongLink", "", format!("{long}\0").as_bytes());
    let pax =
        layer().entry(tar::EntryType::XHeader, "pax", "", record("path", &format!("p{long}")).as_bytes());
    let (image, _folder) = opened(image([gnu.file("cut", b"gnu"), pax.file("cut", b"pax")])).unwrap();
    assert_eq!(content(&image, &long).as_deref(), Some("gnu"));
    assert_eq!(content(&image, &format!("p{long}")).as_deref(), Some("pax"));
    let absurd = layer().entry(tar::EntryType::GNULongName, "././@LongLink", "", &vec![b'x'; 1 << 20]);
    assert!(refusal(self::image([absurd.file("x", b"")])).contains("longer than 64 KiB"));
    let two = layer().entry(tar::EntryType::XHeader, "pax", "", record("size", "9999").as_bytes());
    assert!(refusal(self::image([two.file("x", b"abc")])).contains("two sizes"));
}

/// Check that a name that leads out of the image is refused, and nothing is written anywhere.
#[test]
fn names_that_lead_out_are_refused() {
    for path in ["../escape", "a/../../escape", "/../escape"] {
        let message = refusal(image([layer().file(path, b"x")]));
        assert!(message.contains(path) && message.contains("leads out of the image"), "{message}");
    }
}

/// Check that what unpacks to more than is allowed is refused at the bound, in each way of packing.
#[test]
fn bombs_are_refused() {
    let zeros = vec![0; 2 << 20];
    for packing in [Packing::Gzip, Packing::Zstd, Packing::Plain] {
        let folder = tempfile::tempdir().unwrap();
        ImageBuilder::default().layer(layer().file("zeros", &zeros), packing).write_layout(folder.path());
        let limits = Limits { bytes: 1 << 20, ..Limits::default() };
        let error = open_with(folder.path(), limits).unwrap_err();
        assert!(matches!(error, Error::TooMuch(_)), "{packing:?}: {error:?}");
        assert!(
            open_with(folder.path(), Limits { bytes: 3 << 20, ..Limits::default() }).is_ok(),
            "{packing:?}"
        );
        let image = open_with(folder.path(), Limits { file: 1 << 20, ..Limits::default() }).unwrap();
        let error = image.extract(&[PathBuf::from("zeros")], folder.path()).unwrap_err();
        assert!(matches!(error, Error::FileTooLarge { .. }), "{error:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    image([(0..20).fold(layer(), |layer, number| layer.folder(&format!("{number}")))])
        .write_layout(folder.path());
    let error = open_with(folder.path(), Limits { entries: 19, ..Limits::default() }).unwrap_err();
    assert_eq!(error.to_string().split(':').next(), Some("the image's layers unpack to more than 19 files"));
    assert!(open_with(folder.path(), Limits { names: 10, ..Limits::default() }).is_err());
}

/// Check that every part is held against its digest and length, packed and unpacked, and that each failure says which.
#[test]
fn parts_that_are_not_what_they_are_said_to_be() {
    let whole = || image([layer().file("app", b"program")]);
    let blob_of =
        |image: &ImageBuilder| image.layers[0]["digest"].as_str().unwrap()["sha256:".len()..].to_owned();
    let name = |text: &str| format!("layer sha256:{text}");

    let mut changed = whole();
    let blob = blob_of(&changed);
    let other = pack(&layer().file("app", b"another").finish(), Packing::Gzip);
    changed.layers[0]["size"] = json!(other.len());
    changed.blobs.insert(blob.clone(), other.clone());
    let expected =
        format!("{} is damaged: its SHA-256 is {}, and the image says {blob}", name(&blob), digest(&other));
    assert_eq!(refusal(changed), expected);

    let mut longer = whole();
    longer.layers[0]["size"] = json!(1);
    assert!(refusal(longer).contains("bytes, and the image says 1"));

    let mut unpacked = whole();
    unpacked.unpacked[0] = format!("sha256:{}", digest(b""));
    assert!(refusal(unpacked).starts_with(&format!("what {} unpacks to is damaged", name(&blob))));

    let mut missing = whole();
    missing.blobs.remove(&blob);
    assert_eq!(refusal(missing), format!("{} is missing in the image: it was not copied whole", name(&blob)));

    let mut cut = whole();
    let half = cut.blobs[&blob][..20].to_vec();
    cut.blobs.insert(blob.clone(), half);
    assert!(refusal(cut).starts_with(&format!("{} can't be unpacked: ", name(&blob))));

    let mut more = whole();
    more.unpacked.push(more.unpacked[0].clone());
    assert_eq!(refusal(more), "the configuration of the image knows 2 layers, and the manifest 1");

    let mut odd = whole();
    odd.layers[0]["digest"] = json!("sha256:../../../etc/passwd");
    assert_eq!(refusal(odd), "the digest `sha256:../../../etc/passwd` of the image is no SHA-256");
}

/// Check which image is taken: by name, by architecture, through an index in the index, and not an attestation.
#[test]
fn images_are_chosen_by_name_and_platform() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = ImageBuilder::default();
    let mut descriptors = Vec::new();
    for (architecture, name) in [("arm64", "arm"), ("amd64", "amd"), ("unknown", "attestation")] {
        let mut one = image([layer().file("app", name.as_bytes())]).architecture(architecture);
        let mut manifest = one.manifest();
        let os = if architecture == "unknown" { "unknown" } else { "linux" };
        manifest["platform"] = json!({ "os": os, "architecture": architecture });
        descriptors.push(manifest);
        all.blobs.append(&mut one.blobs);
    }
    let nested = json!({ "schemaVersion": 2, "manifests": descriptors }).to_string();
    let named = |name: &str, mut descriptor: Value| {
        descriptor["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
        descriptor
    };
    let index = all.blob("application/vnd.oci.image.index.v1+json", nested.as_bytes());
    let manifests = [named("1.5", index), named("web:arm", descriptors[0].clone())];
    all.write_index(folder.path(), &manifests);
    let open = |reference: &str, arch| {
        let text = format!("oci:{}{reference}", folder.path().display());
        Image::open(
            &Location::parse(&text, |path| Path::new(path).exists()).unwrap(),
            arch,
            Limits::default(),
        )
    };
    assert_eq!(content(&open(":1.5", Arch::X86_64).unwrap(), "app").as_deref(), Some("amd"));
    assert_eq!(content(&open(":1.5", Arch::Aarch64).unwrap(), "app").as_deref(), Some("arm"));
    assert_eq!(content(&open(":arm", Arch::Aarch64).unwrap(), "app").as_deref(), Some("arm"));
    for (reference, expected) in [
        ("", "there are several images: say which by :TAG behind the path; there are `1.5`, `web:arm`"),
        (":2", "there is no image `2`: there are `1.5`, `web:arm`"),
        (":web:arm", "there is no image for linux/amd64: there is `linux/arm64`"),
    ] {
        assert_eq!(open(reference, Arch::X86_64).unwrap_err().to_string(), expected);
    }
}

/// Check that archives of both kinds give what a layout gives, also where a layer is a link to another.
#[test]
fn archives_are_read() {
    let same = || layer().file("app", b"program");
    let plain = |image: ImageBuilder| image.layer(same(), Packing::Plain).layer(same(), Packing::Plain);
    let folder = tempfile::tempdir().unwrap();
    let read = |kind: &str, bytes: Vec<u8>| {
        let path = folder.path().join("image.tar");
        fs::write(&path, bytes).unwrap();
        let location = Location::parse(&format!("{kind}:{}", path.display()), |_| true).unwrap();
        Image::open(&location, Arch::X86_64, Limits::default())
    };
    for (kind, bytes) in [
        ("oci-archive", plain(ImageBuilder::default()).oci_archive()),
        ("docker-archive", plain(ImageBuilder::default()).oci_archive()),
        ("docker-archive", plain(ImageBuilder::default()).docker_archive("web:1")),
    ] {
        let image = read(kind, bytes).unwrap();
        assert_eq!(content(&image, "app").as_deref(), Some("program"), "{kind}");
        assert_eq!(image.command(), ["/app"]);
    }
    let packed = pack(&plain(ImageBuilder::default()).docker_archive("web:1"), Packing::Gzip);
    let message = |result: Result<Image, Error>| result.unwrap_err().to_string();
    assert!(
        message(read("docker-archive", packed))
            .ends_with("unpack it first (gunzip, zstd -d), an image is read at many places")
    );
    assert!(
        message(read("oci-archive", layer().finish()))
            .ends_with("holds no OCI image layout: it has no `oci-layout`")
    );
    assert!(
        message(read("docker-archive", layer().finish()))
            .ends_with("holds no image of `docker save`: it has no `manifest.json`")
    );
}

/// Check that a layer of several frames, with one between them that is to be skipped, is read whole.
#[test]
fn frames_of_zstd_follow_each_other() {
    let tar = layer().file("a", b"first").file("b", b"second").finish();
    let (first, second) = tar.split_at(700);
    let skipped = [&0x184d_2a50_u32.to_le_bytes()[..], &4_u32.to_le_bytes(), b"skip"].concat();
    let packed = [pack(first, Packing::Zstd), skipped, pack(second, Packing::Zstd)].concat();
    let mut builder = ImageBuilder::default();
    builder.unpacked.push(format!("sha256:{}", digest(&tar)));
    let descriptor = builder.blob("application/vnd.oci.image.layer.v1.tar+zstd", &packed);
    builder.layers.push(descriptor);
    let (image, _folder) = opened(builder).unwrap();
    assert_eq!(content(&image, "b").as_deref(), Some("second"));
}
