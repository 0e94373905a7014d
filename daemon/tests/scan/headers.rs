//! Programs without section headers: nothing is different, as the kernel and the dynamic linker need none either.

use std::fs;

use anyhow::Result;
use serde_json::Value;

use crate::command::scan;
use crate::fixtures::Program;

/// `e_shoff`, and `e_shnum` with `e_shstrndx`, of `Elf64_Ehdr`.
const FIELDS: [std::ops::Range<usize>; 2] = [40..48, 60..64];

const PROGRAMS: [Program; 6] = [
    Program::Go { program: "stacks", variant: "go1.19-cgo1-pie-stripped" },
    Program::Go { program: "stacks", variant: "go1.27-cgo0-pie-stripped" },
    Program::Go { program: "stacks", variant: "go1.27-cgo1-pie-stripped" },
    Program::Go { program: "probe", variant: "go1.27-cgo1-stripped" },
    Program::Go { program: "websvc", variant: "go1.19-cgo1" },
    Program::Debian { package: "runc", path: "usr/sbin/runc" },
];

/// Check that a scan finds the same, site by site, where the section headers were overwritten with zeros.
#[test]
fn section_headers_are_not_needed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("program");
    for program in PROGRAMS {
        let path = program.path()?;
        let mut bytes = fs::read(&path)?;
        let headers = usize::try_from(u64::from_le_bytes(bytes[FIELDS[0].clone()].try_into()?))?;
        let size = usize::from(bytes[60]) * 64;
        bytes[headers..headers + size].fill(0);
        for field in FIELDS {
            bytes[field].fill(0);
        }
        fs::write(&copy, bytes)?;
        let (with, without) = (scan(&path, &[])?, scan(&copy, &[])?);
        for part in ["go", "package", "functions", "unresolved", "gaps"] {
            assert_eq!(with[part], without[part], "{part} of {}", path.display());
        }
        let syscalls = |scan: &Value| scan["syscalls"].as_array().cloned().unwrap_or_default();
        for (with, without) in syscalls(&with).iter().zip(&syscalls(&without)) {
            assert_eq!(with, without, "of {}", path.display());
        }
        assert_eq!(syscalls(&with).len(), syscalls(&without).len(), "{}", path.display());
    }
    Ok(())
}
