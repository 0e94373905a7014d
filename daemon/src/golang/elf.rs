//! What an ELF file's program headers lead to. Section headers are used where they are, never needed.

use object::elf::{
    DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_STRTAB, Dyn64, DynamicTag, ELF_NOTE_GNU, ELF_NOTE_GO, FileHeader64,
    NT_GNU_BUILD_ID, NT_GO_BUILD_ID, PF_W, PT_DYNAMIC, PT_INTERP, PT_LOAD, PT_NOTE, PT_TLS, ProgramHeader64,
    ProgramType, SectionHeader64,
};
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _, SectionHeader as _, SectionTable};
use object::{Endianness, ReadRef};
use thiserror::Error;

use super::bytes::is_text_at;
use super::image::ThreadLocal;
use super::scan::libraries::Needs;
use super::{buildinfo, thread};
use crate::model::{Build, GoBuild, Linkage};

/// Why a file is not understood.
#[derive(Debug, Error)]
pub enum Error {
    /// Not an ELF file, not a 64-bit one, or a damaged one.
    #[error("not a readable 64-bit ELF file")]
    Elf(#[source] object::read::Error),
    /// A part in which Go's build information may be can't be read.
    #[error("cannot read a segment of the ELF file")]
    Segment,
}

/// Small parts of a file, so that a hostile one can't make us read much of it.
const MOST_PART_BYTES: u64 = 1 << 20;
const MOST_STRING_BYTES: u64 = 4096;
const MOST_SCANNED_BYTES: u64 = 16 << 20;
/// Segments of one kind that are looked at: linkers make one or two.
const MOST_SEGMENTS: usize = 16;
const MOST_NEEDED: usize = 256;
const MOST_ID_BYTES: usize = 256;

/// Describes the executable in `file`, which lies at `path`.
///
/// # Errors
/// The file is no 64-bit ELF file, or it can't be told whether it is a Go program. Anything further that can't be read
/// is left out.
pub fn inspect<'data, R: ReadRef<'data>>(path: String, file: R) -> Result<Build, Error> {
    let elf = Elf::parse(file)?;
    let mut go = match elf.build_info_by_section() {
        Some(go) => Some(go),
        None => elf.build_info_by_scan()?,
    };
    if let Some(go) = &mut go {
        go.goroutine_below = thread::usual(elf.header.e_machine(elf.endian), elf.thread_local());
    }
    Ok(Build { path, id: elf.build_id(), go, linkage: Some(elf.linkage()) })
}

/// What the executable or the library in `file` needs, and in which folders it has that looked for.
///
/// # Errors
/// The file is no 64-bit ELF file.
pub fn needs<'data, R: ReadRef<'data>>(file: R) -> Result<Needs, Error> {
    let elf = Elf::parse(file)?;
    Ok(Needs {
        linkage: elf.linkage(),
        rpath: elf.folders(DT_RPATH).unwrap_or_default(),
        runpath: elf.folders(DT_RUNPATH),
    })
}

/// The headers of an ELF file. Nothing but the file's header and the program headers is known to be there.
#[derive(Debug)]
pub(super) struct Elf<'data, R> {
    pub(super) file: R,
    pub(super) endian: Endianness,
    pub(super) header: &'data FileHeader64<Endianness>,
    segments: &'data [ProgramHeader64<Endianness>],
}

impl<'data, R: ReadRef<'data>> Elf<'data, R> {
    pub(super) fn parse(file: R) -> Result<Self, Error> {
        let header = FileHeader64::<Endianness>::parse(file).map_err(Error::Elf)?;
        let endian = header.endian().map_err(Error::Elf)?;
        let segments = header.program_headers(endian, file).map_err(Error::Elf)?;
        Ok(Self { file, endian, header, segments })
    }

    /// The program headers of one kind.
    pub(super) fn of_type(
        &self,
        wanted: ProgramType,
    ) -> impl Iterator<Item = &'data ProgramHeader64<Endianness>> {
        let endian = self.endian;
        self.segments.iter().filter(move |segment| segment.p_type(endian) == wanted)
    }

    /// The variables of each thread, if it has any.
    pub(super) fn thread_local(&self) -> Option<ThreadLocal> {
        let segment = self.of_type(PT_TLS).next()?;
        Some(ThreadLocal { size: segment.p_memsz(self.endian), alignment: segment.p_align(self.endian) })
    }

    /// A segment's bytes, if it is not larger than any real one of its kind.
    fn part(&self, segment: &ProgramHeader64<Endianness>) -> Option<&'data [u8]> {
        let (offset, size) = segment.file_range(self.endian);
        (size <= MOST_PART_BYTES).then(|| self.file.read_bytes_at(offset, size).ok()).flatten()
    }

    /// Go's build id where there is one, else the GNU one, in hexadecimal.
    fn build_id(&self) -> Option<String> {
        let mut gnu = None;
        let mut budget = MOST_PART_BYTES;
        for segment in self.of_type(PT_NOTE).take(MOST_SEGMENTS) {
            let size = segment.file_range(self.endian).1;
            if size > budget {
                continue;
            }
            budget -= size;
            let Ok(Some(mut notes)) = segment.notes(self.endian, self.file) else { continue };
            while let Ok(Some(note)) = notes.next() {
                match (note.name(), note.n_type(self.endian)) {
                    (name, NT_GO_BUILD_ID) if name == ELF_NOTE_GO => {
                        return Some(text(&note.desc()[..note.desc().len().min(MOST_ID_BYTES)]));
                    }
                    (name, NT_GNU_BUILD_ID) if name == ELF_NOTE_GNU => {
                        gnu = Some(hexadecimal(&note.desc()[..note.desc().len().min(MOST_ID_BYTES)]));
                    }
                    _ => {}
                }
            }
        }
        gnu
    }

    /// What the program asks of the dynamic linker.
    pub(super) fn linkage(&self) -> Linkage {
        let interpreter = self.of_type(PT_INTERP).next().and_then(|segment| self.part(segment));
        Linkage { interpreter: interpreter.map(text), needed: self.needed().unwrap_or_default() }
    }

    fn dynamic(&self) -> Option<&'data [Dyn64<Endianness>]> {
        let segment = self.of_type(PT_DYNAMIC).next()?;
        self.part(segment)?;
        segment.dynamic(self.endian, self.file).ok()?
    }

    /// The value of the first dynamic entry with this tag.
    pub(super) fn dynamic_value(&self, tag: DynamicTag) -> Option<u64> {
        let entry = self.dynamic()?.iter().find(|entry| entry.d_tag(self.endian) == tag)?;
        Some(entry.d_val(self.endian))
    }

    fn needed(&self) -> Option<Vec<String>> {
        Some(self.texts(DT_NEEDED)?.take(MOST_NEEDED).collect())
    }

    /// The text of every dynamic entry with this tag.
    fn texts(&self, tag: DynamicTag) -> Option<impl Iterator<Item = String>> {
        let entries = self.dynamic()?;
        let strings = self.file_offset(self.dynamic_value(DT_STRTAB)?)?;
        let wanted = entries.iter().filter(move |entry| entry.d_tag(self.endian) == tag);
        Some(wanted.filter_map(move |entry| self.string(strings.checked_add(entry.d_val(self.endian))?)))
    }

    /// The folders of one kind that the file has libraries looked for in, as they are written there.
    fn folders(&self, tag: DynamicTag) -> Option<Vec<String>> {
        let list = self.texts(tag)?.next()?;
        Some(list.split(':').take(MOST_NEEDED).map(str::to_owned).collect())
    }

    fn string(&self, start: u64) -> Option<String> {
        let end = start.checked_add(MOST_STRING_BYTES)?.min(self.file.len().ok()?);
        self.file.read_bytes_at_until(start..end, 0).ok().map(text)
    }

    /// Where in the file the byte at this virtual address lies.
    fn file_offset(&self, address: u64) -> Option<u64> {
        self.of_type(PT_LOAD).find_map(|segment| {
            let inside = address.checked_sub(segment.p_vaddr(self.endian))?;
            let (offset, size) = segment.file_range(self.endian);
            (inside < size).then(|| offset.checked_add(inside))?
        })
    }

    /// The section headers, if they are there and no more than any linker makes.
    pub(super) fn sections(&self) -> Option<SectionTable<'data, FileHeader64<Endianness>, R>> {
        // Beyond this the count stands elsewhere, and no Go binary needs it.
        let entries = self.header.e_shnum.get(self.endian);
        let size = u64::from(entries) * u64::from(self.header.e_shentsize.get(self.endian));
        let sane = entries != 0 && size <= MOST_PART_BYTES;
        sane.then(|| self.header.sections(self.endian, self.file).ok()).flatten()
    }

    /// The section with this name. All names are read at once and looked at where they begin: a hostile file has
    /// many, without an end.
    pub(super) fn section(&self, name: &[u8]) -> Option<&'data SectionHeader64<Endianness>> {
        let sections = self.sections()?;
        let names = self.header.section_strings_index(self.endian, self.file).ok()?;
        let (offset, size) = sections.section(names).ok()?.file_range(self.endian)?;
        let names = self.file.read_bytes_at(offset, size.min(MOST_PART_BYTES)).ok()?;
        sections.iter().find(|section| is_text_at(names, section.sh_name.get(self.endian), name))
    }

    fn build_info_by_section(&self) -> Option<GoBuild> {
        let (offset, size) = self.section(b".go.buildinfo")?.file_range(self.endian)?;
        buildinfo::parse(self.file.read_bytes_at(offset, size.min(buildinfo::MOST_BYTES)).ok()?)
    }

    /// Where the section headers are gone, the blob is found by its magic in the writable segments.
    fn build_info_by_scan(&self) -> Result<Option<GoBuild>, Error> {
        let writable = self.of_type(PT_LOAD).filter(|segment| segment.p_flags(self.endian).0 & PF_W.0 != 0);
        let length = self.file.len().map_err(|()| Error::Segment)?;
        let mut budget = MOST_SCANNED_BYTES;
        for segment in writable.take(MOST_SEGMENTS) {
            let (offset, size) = segment.file_range(self.endian);
            // The kernel takes segments that are longer than the file.
            let size = size.min(length.saturating_sub(offset)).min(budget);
            budget -= size;
            let data = self.file.read_bytes_at(offset.min(length), size).map_err(|()| Error::Segment)?;
            let is_magic = |start: &usize| data[*start..].starts_with(buildinfo::MAGIC);
            // It is the address that is aligned: segments begin anywhere.
            let first = usize::try_from(segment.p_vaddr(self.endian).wrapping_neg() % 16).unwrap_or_default();
            let blob = (first..data.len()).step_by(16).find(is_magic);
            if let Some(go) = blob.and_then(|start| buildinfo::parse(&data[start..])) {
                return Ok(Some(go));
            }
        }
        Ok(None)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that our own binary is read: an interpreter, libc, and no Go.
    #[test]
    fn our_own_binary_is_understood() {
        let bytes = std::fs::read("/proc/self/exe").unwrap();
        let build = inspect("/proc/self/exe".into(), bytes.as_slice()).unwrap();
        let linkage = build.linkage.unwrap();
        assert!(linkage.interpreter.is_some_and(|path| path.contains("ld-linux")), "no interpreter");
        assert!(linkage.needed.iter().any(|library| library.starts_with("libc.")), "{:?}", linkage.needed);
        assert_eq!(build.go, None);
        assert!(build.id.is_some_and(|id| id.len() >= 16), "no build id");
    }

    /// A program with so many segments of notes, each of this size. Only the last one holds the build's id.
    fn noted(segments: u16, size: u64) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        file.extend([2, 0, 62, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        file.extend(64_u64.to_le_bytes());
        file.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 56, 0]);
        file.extend(segments.to_le_bytes());
        file.extend([64, 0, 0, 0, 0, 0]);
        let notes = 64 + 56 * u64::from(segments);
        for number in 0..segments {
            let start = if number + 1 == segments { notes } else { notes + 36 };
            file.extend([4, 0, 0, 0, 4, 0, 0, 0]);
            for field in [start, 0, 0, size, size, 4] {
                file.extend(field.to_le_bytes());
            }
        }
        // One of an unknown kind, and then the build's id.
        file.extend([4, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0]);
        file.extend(b"abc\0");
        file.extend([4, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]);
        file.extend(b"GNU\0\xab\xcd\0\0");
        file.resize(file.len() + usize::try_from(size).unwrap(), 0);
        file
    }

    /// Check that a build's id is found behind other notes, but that notes without end are not read.
    #[test]
    fn notes_are_bounded() {
        let id = |file: &[u8]| inspect(String::new(), file).unwrap().id;
        assert_eq!(id(&noted(1, 36)), Some("abcd".into()));
        assert_eq!(id(&noted(16, 36)), Some("abcd".into()), "in the last of so many segments");
        assert_eq!(id(&noted(17, 36)), None, "too many segments");
        assert_eq!(id(&noted(1, MOST_PART_BYTES + 4)), None, "too large a segment");
        assert_eq!(id(&noted(3, MOST_PART_BYTES / 2 + 4)), None, "too large altogether");
    }

    /// Check that damaged files are refused or half-read, never a panic.
    #[test]
    fn damaged_files_do_not_panic() {
        let bytes = std::fs::read("/proc/self/exe").unwrap();
        for length in [0, 4, 63, 64, 100, 500, 1000, 4096] {
            let _ = inspect(String::new(), &bytes[..length]);
        }
        let mut damaged = bytes[..8192].to_vec();
        for position in 0..1024 {
            let whole = damaged[position];
            damaged[position] = 0xff;
            let _ = inspect(String::new(), damaged.as_slice());
            damaged[position] = whole;
        }
    }
}
