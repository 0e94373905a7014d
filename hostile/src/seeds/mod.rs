//! Input to begin with: small, and of everything that real input has.

pub(crate) mod elf;
pub(crate) mod go;
mod library;
pub(crate) mod table;
mod text;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use go::Form;
use table::Version;

/// Programs of each layout, not stripped so that everything in them is found by name.
const PROGRAMS: [(&str, Version); 4] = [
    ("stacks-go1.19-cgo0", Version { inline_trees: 304, has_text: true }),
    ("stacks-go1.25-cgo0", Version { inline_trees: 320, has_text: true }),
    ("stacks-go1.26-cgo0", Version { inline_trees: 320, has_text: false }),
    ("stacks-go1.27-cgo0", Version { inline_trees: 344, has_text: false }),
];
/// How many functions there are on each side of the one that calls the kernel.
const SIZES: [usize; 2] = [3, 12];

/// A seed: the target that it is for, its name, and its bytes.
pub type Seed = (&'static str, String, Vec<u8>);

/// Targets that take ELF files.
const ELF: [&str; 4] = ["image", "inspect", "pclntab", "scan"];

/// All seeds. ELF files are made of the programs in this folder.
pub fn all(programs: &Path) -> Result<Vec<Seed>> {
    let mut seeds = text::all()?;
    let library = library::library()?;
    for (name, bytes) in self::programs(programs)? {
        seeds.extend(ELF.map(|target| (target, name.clone(), bytes.clone())));
        seeds.push(("scan", format!("{name}-library"), [bytes, library.clone()].concat()));
    }
    seeds.extend(ELF.map(|target| (target, "library".to_owned(), library.clone())));
    Ok(seeds)
}

/// ELF files made of the programs in this folder, by name.
fn programs(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut all = Vec::new();
    for (name, version) in PROGRAMS {
        let path = folder.join(name);
        let file = fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
        for around in SIZES {
            for form in [Form::Fixed, Form::Stripped, Form::Shared] {
                let small = go::program(&file, version, around, form)
                    .with_context(|| format!("can't make a small program of {}", path.display()))?;
                all.push((format!("{name}-{around}-{form:?}").to_lowercase(), small));
            }
        }
    }
    Ok(all)
}
