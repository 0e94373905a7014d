//! Programs in images.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::command::{Memory, go, json as document, names, profile_of, run, text};
use crate::testing::{ImageBuilder, LayerBuilder, Packing};

/// A profile that fits `plain`.
fn profile(folder: &Path) -> Result<String> {
    let path = folder.join("profile.json");
    profile_of(&go("plain", "go1.27-cgo0")?, &[], Memory::Kept, &path)?;
    Ok(text(&path).to_owned())
}

fn gate(code: i32, image: &str, profile: &str, more: &[&str]) -> Result<Value> {
    document(code, &[&["gate", "--format", "json", "--image", image, "--profile", profile], more].concat())
}

/// Check that the program of an image is found by each way to name it, in each kind of image, and judged as the file is.
#[test]
fn programs_of_images_are_judged() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let profile = profile(folder.path())?;
    let program = fs::read(go("grown", "go1.27-cgo0-stripped")?)?;
    let image = |packing, run: Value| {
        let below = LayerBuilder::default()
            .folder("usr/bin/")
            .file("usr/bin/app", b"an older one")
            .link("bin", "usr/bin");
        let above = LayerBuilder::default().file("usr/bin/app", &program);
        ImageBuilder::default().layer(below, packing).layer(above, packing).run(run)
    };
    let layout = folder.path().join("layout");
    image(Packing::Gzip, json!({ "Cmd": ["app", "--listen"], "Env": ["PATH=/none:/bin"] }))
        .write_layout(&layout);
    let oci = folder.path().join("oci.tar");
    fs::write(
        &oci,
        image(Packing::Plain, json!({ "Entrypoint": ["./app"], "WorkingDir": "/bin" })).oci_archive(),
    )?;
    let docker = folder.path().join("docker.tar");
    fs::write(&docker, image(Packing::Plain, json!({ "Entrypoint": ["/bin/app"] })).docker_archive("web:1"))?;
    for image in [
        format!("oci:{}", layout.display()),
        format!("oci-archive:{}", oci.display()),
        format!("docker-archive:{}:web:1", docker.display()),
    ] {
        let found = gate(1, &image, &profile, &[])?;
        assert_eq!(found["image"], image.as_str());
        assert_eq!(found["program"]["path"], "/usr/bin/app");
        let new = names(&found["refused"], |call| call["fails"] == true);
        assert!(new.contains(&"socket") && new.contains(&"mlock"), "{image}: {new:?}");
    }
    Ok(())
}

/// Check that the libraries of a program are taken out of its image, wherever links lead, and never from this host.
#[test]
fn libraries_come_from_the_image() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let profile = profile(folder.path())?;
    let program = fs::read(go("websvc", "go1.27-cgo1-stripped")?)?;
    let bare = LayerBuilder::default().file("app", &program);
    let without = folder.path().join("without");
    ImageBuilder::default().layer(bare, Packing::Plain).write_layout(&without);
    let gaps = |found: &Value| found["program"]["gaps"].to_string();
    let found = gate(1, &format!("oci:{}", without.display()), &profile, &[])?;
    assert!(
        gaps(&found).contains("libc.so.6: not found")
            && gaps(&found).contains("ld-linux-x86-64.so.2: not found")
    );

    let libraries = "usr/lib/x86_64-linux-gnu";
    let host = |name: &str| fs::read(Path::new("/lib/x86_64-linux-gnu").join(name));
    let mut below = LayerBuilder::default().link("lib64", "lib/x86_64-linux-gnu").link("lib", "usr/lib");
    for name in ["libc.so.6", "libresolv.so.2", "ld-linux-x86-64.so.2"] {
        below = below
            .file(&format!("{libraries}/{name}.real"), &host(name)?)
            .link(&format!("{libraries}/{name}"), &format!("{name}.real"));
    }
    let with = folder.path().join("with");
    let app = LayerBuilder::default().file("app", &program);
    ImageBuilder::default().layer(below, Packing::Zstd).layer(app, Packing::Plain).write_layout(&with);
    let found = gate(1, &format!("oci:{}", with.display()), &profile, &[])?;
    assert_eq!(gaps(&found), "[]");
    let foreign = names(&found["not_from_go"], |_| true);
    assert!(foreign.contains(&"set_robust_list"), "{foreign:?}");
    Ok(())
}

/// Check that an image whose program is hidden behind another says what it starts, and how to go on; word for word.
#[test]
fn wrappers_are_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let profile = profile(folder.path())?;
    let plain = fs::read(go("plain", "go1.27-cgo0-stripped")?)?;
    // Some program that is not Go's.
    let other = fs::read("/bin/true")?;
    let layout = folder.path().join("layout");
    let name = format!("oci:{}", layout.display());
    for (run_as, expected) in [
        (
            json!({ "Entrypoint": ["/bin/sh", "-c", "exec app"] }),
            "starts `/bin/sh -c exec app`, and /bin/sh is a shell: name the Go program that it starts with --entrypoint PATH",
        ),
        (
            json!({ "Entrypoint": ["/entry.sh"], "Cmd": ["app"] }),
            "starts `/entry.sh app`, and /entry.sh is a script: name the Go program that it starts with --entrypoint /bin/app",
        ),
        (
            json!({ "Entrypoint": ["tini", "--", "/bin/app", "-v"] }),
            "starts `tini -- /bin/app -v`, and /bin/tini is no Go program: name the Go program that it starts with \
             --entrypoint /bin/app",
        ),
        (json!({}), "does not say what it starts: name the program with --entrypoint PATH"),
    ] {
        let _ = fs::remove_dir_all(&layout);
        let layer = LayerBuilder::default()
            .file("bin/sh", &other)
            .file("bin/tini", &other)
            .file("entry.sh", b"#!/bin/sh\nexec \"$@\"\n")
            .file("bin/app", &plain);
        ImageBuilder::default().layer(layer, Packing::Plain).run(run_as).write_layout(&layout);
        let ran = run(&["gate", "--image", &name, "--profile", &profile])?;
        assert_eq!((ran.code, ran.stderr), (Some(2), format!("error: {name} {expected}\n")));
        let named = gate(0, &name, &profile, &["--entrypoint", "app"])?;
        assert_eq!(named["program"]["path"], "/bin/app");
    }
    let ran = run(&["gate", "--image", &name, "--profile", &profile, "--entrypoint", "/bin/none"])?;
    let expected = format!(
        "error: there is no program `/bin/none` in {name}: name the one that it starts with --entrypoint PATH\n"
    );
    assert_eq!((ran.code, ran.stderr), (Some(2), expected));
    let ran = run(&["gate", "--image", &name, "--profile", &profile, "--entrypoint", "/bin/tini"])?;
    let expected = format!(
        "error: cannot scan /bin/tini of {name}: the program has no Go function table: it was not built by Go, or is \
         damaged or packed\n"
    );
    assert_eq!((ran.code, ran.stderr), (Some(2), expected));
    Ok(())
}

/// Check that nothing is left of an image, and that a damaged one is refused as bad input.
#[test]
fn images_leave_nothing_behind() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let profile = profile(folder.path())?;
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary)?;
    let layout = folder.path().join("layout");
    let layer = LayerBuilder::default().file("app", &fs::read(go("plain", "go1.27-cgo0-stripped")?)?);
    ImageBuilder::default().layer(layer, Packing::Gzip).write_layout(&layout);
    let image = format!("oci:{}", layout.display());
    let judge = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_seccinch"));
        command.args(["gate", "--image", &image, "--profile", &profile]).env("TMPDIR", &temporary).output()
    };
    assert_eq!(judge()?.status.code(), Some(0));
    assert_eq!(fs::read_dir(&temporary)?.count(), 0, "files of the image are left");
    for blob in fs::read_dir(layout.join("blobs/sha256"))? {
        let path = blob?.path();
        let mut bytes = fs::read(&path)?;
        if bytes.len() > 100_000 {
            bytes[50_000] ^= 1;
            fs::write(&path, bytes)?;
        }
    }
    let damaged = judge()?;
    assert_eq!(damaged.status.code(), Some(2));
    let said = String::from_utf8(damaged.stderr)?;
    assert!(said.starts_with(&format!("error: cannot use {image}: layer sha256:")), "{said}");
    Ok(())
}
