//! Go's build information blob.

use crate::model::GoBuild;

/// What the blob begins with, aligned to 16 bytes.
pub(super) const MAGIC: &[u8; 14] = b"\xff Go buildinf:";

/// Header and both strings; real ones are a few KiB, one line per module.
pub(super) const MOST_BYTES: u64 = 1 << 20;

const FLAG_INLINE_STRINGS: u8 = 2;
const HEADER: usize = 32;
/// The linker frames the module text with 16 bytes on each side.
const FRAME: usize = 16;

/// Reads a blob that begins with [`MAGIC`]; nothing if it is not one that Go 1.18 or newer wrote.
pub(super) fn parse(blob: &[u8]) -> Option<GoBuild> {
    if !blob.starts_with(MAGIC) || blob.get(15)? & FLAG_INLINE_STRINGS == 0 {
        return None;
    }
    let (toolchain, rest) = counted(blob.get(HEADER..)?)?;
    let (modules, _) = counted(rest)?;
    let modules = modules.get(FRAME..modules.len().saturating_sub(FRAME)).unwrap_or_default();
    let modules = String::from_utf8_lossy(modules);
    let line = |kind: &'static str| modules.lines().filter_map(move |line| line.strip_prefix(kind));
    let module = line("mod\t").next().map(|module| {
        let mut fields = module.split('\t').map(str::to_owned);
        (fields.next().unwrap_or_default(), fields.next().unwrap_or_default())
    });
    let cgo = line("build\tCGO_ENABLED=").next().map(|value| value == "1");
    Some(GoBuild {
        toolchain: String::from_utf8_lossy(toolchain).into_owned(),
        path: line("path\t").next().map(str::to_owned),
        module,
        cgo,
        goroutine_below: None,
    })
}

/// A byte string behind its length as an unsigned varint, and what follows it.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0usize;
    for (position, byte) in bytes.iter().enumerate().take(5) {
        length |= usize::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            let rest = &bytes[position + 1..];
            return (length <= rest.len()).then(|| rest.split_at(length));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(version: &str, modules: &str) -> Vec<u8> {
        let mut blob = MAGIC.to_vec();
        blob.extend([8, FLAG_INLINE_STRINGS]);
        blob.resize(HEADER, 0);
        let framed = format!("{}{modules}{}", "0".repeat(FRAME), "0".repeat(FRAME));
        for text in [version, &framed] {
            let length = u16::try_from(text.len()).unwrap();
            blob.extend([(length & 0x7f).to_le_bytes()[0] | 0x80, (length >> 7).to_le_bytes()[0]]);
            blob.extend(text.as_bytes());
        }
        blob
    }

    /// Check that a module build and a GOPATH build (no `mod` line) are both read.
    #[test]
    fn build_information_is_read() {
        let module = blob(
            "go1.27.3",
            "path\texample.com/app/cmd\nmod\texample.com/app\tv1.2.3\th1:x=\nbuild\tCGO_ENABLED=0\n",
        );
        let build = parse(&module).expect("a Go 1.27 blob");
        assert_eq!(build.toolchain, "go1.27.3");
        assert_eq!(build.path.as_deref(), Some("example.com/app/cmd"));
        assert_eq!(build.module, Some(("example.com/app".into(), "v1.2.3".into())));
        assert_eq!(build.cgo, Some(false));

        let gopath =
            parse(&blob("go1.19.8", "path\tgithub.com/x/y\nbuild\tCGO_ENABLED=1\n")).expect("a GOPATH blob");
        assert_eq!((gopath.module, gopath.cgo), (None, Some(true)));
    }

    /// Check that a cut blob is nothing, or less, but never a panic.
    #[test]
    fn cut_blobs_do_not_panic() {
        let whole = blob("go1.27.3", "path\texample.com/app\n");
        for length in 0..whole.len() {
            let _ = parse(&whole[..length]);
        }
        assert_eq!(parse(b"\xff Go buildinf:\x08\x00"), None);
    }
}
