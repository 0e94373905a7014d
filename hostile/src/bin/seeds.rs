//! Writes seeds for the fuzz targets: `seeds PROGRAMS OUT`, from Go programs in one folder into folders by target.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use seccinch_hostile::seeds;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [programs, out] = arguments.as_slice() else { bail!("usage: seeds PROGRAMS OUT") };
    for (target, name, bytes) in seeds::all(Path::new(programs))? {
        let folder = Path::new(out).join(target);
        fs::create_dir_all(&folder).with_context(|| format!("can't create {}", folder.display()))?;
        let path = folder.join(name);
        fs::write(&path, bytes).with_context(|| format!("can't write {}", path.display()))?;
    }
    Ok(())
}
