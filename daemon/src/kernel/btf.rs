//! Field offsets from the kernel's type information.
//!
//! A reader for just that: structures by name, members by name, anonymous members searched through.
//! Format: Documentation/bpf/btf.rst, Linux 6.12. aya's own reader keeps its members private.

use std::collections::HashMap;

const MAGIC: u16 = 0xeb9f;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;

/// The structures of a BTF file, unparsed until asked for.
pub(super) struct Btf<'a> {
    types: Vec<Type<'a>>,
    strings: &'a [u8],
    by_name: HashMap<&'a [u8], u32>,
}

#[derive(Clone, Copy)]
struct Type<'a> {
    kind: u32,
    bitfields: bool,
    members: &'a [u8],
}

impl<'a> Btf<'a> {
    /// Reads the type section of a little-endian BTF file.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let header = Words(bytes);
        if header.half(0) != Some(MAGIC) {
            return Err("it does not begin with the BTF magic number".into());
        }
        let word = |offset| header.word(offset).ok_or("its header is cut short");
        let length = word(4)? as usize;
        let section = |offset: u32, size: u32| {
            let start = length.checked_add(offset as usize)?;
            bytes.get(start..start.checked_add(size as usize)?)
        };
        let types = section(word(8)?, word(12)?).ok_or("its types lie outside the file")?;
        let strings = section(word(16)?, word(20)?).ok_or("its strings lie outside the file")?;
        let mut btf = Self { types: Vec::new(), strings, by_name: HashMap::new() };
        btf.read_types(types).ok_or("its types are cut short")?;
        Ok(btf)
    }

    fn read_types(&mut self, mut rest: &'a [u8]) -> Option<()> {
        // Type 0 is `void` and not in the file.
        self.types.push(Type { kind: 0, bitfields: false, members: &[] });
        while !rest.is_empty() {
            let head = Words(rest);
            let (name, info) = (head.word(0)?, head.word(4)?);
            let (kind, count) = ((info >> 24) & 0x1f, (info & 0xffff) as usize);
            let end = 12 + trailer_bytes(kind, count)?;
            let members = rest.get(12..end)?;
            if matches!(kind, KIND_STRUCT | KIND_UNION) {
                let id = u32::try_from(self.types.len()).ok()?;
                self.by_name.entry(string(self.strings, name)).or_insert(id);
            }
            self.types.push(Type { kind, bitfields: info >> 31 == 1, members });
            rest = &rest[end..];
        }
        Some(())
    }

    /// The byte offset of `structure.member`, wherever among anonymous members it lies.
    pub(super) fn offset(&self, structure: &str, member: &str) -> Option<u32> {
        let id = *self.by_name.get(structure.as_bytes())?;
        let bits = self.member_bits(id, member.as_bytes(), 0)?;
        (bits % 8 == 0).then_some(bits / 8)
    }

    fn member_bits(&self, id: u32, wanted: &[u8], depth: u8) -> Option<u32> {
        let owner =
            self.types.get(id as usize).filter(|owner| matches!(owner.kind, KIND_STRUCT | KIND_UNION))?;
        owner.members.chunks_exact(12).find_map(|member| {
            let member = Words(member);
            let (name, type_id) = (string(self.strings, member.word(0)?), member.word(4)?);
            let offset = member.word(8)? & if owner.bitfields { 0x00ff_ffff } else { u32::MAX };
            if name == wanted {
                return Some(offset);
            }
            // Real anonymous members nest a few levels deep; a hostile file may nest without end.
            let anonymous = name.is_empty() && depth < 8;
            anonymous.then(|| self.member_bits(type_id, wanted, depth + 1))?.map(|inner| offset + inner)
        })
    }

    /// As [`Btf::offset`] for `a.b.c`: a member of a structure that lies inside a structure.
    pub(super) fn nested_offset(&self, structure: &str, member: &str, inner: (&str, &str)) -> Option<u32> {
        Some(self.offset(structure, member)? + self.offset(inner.0, inner.1)?)
    }
}

/// Bytes after a type's 12-byte head, by kind.
fn trailer_bytes(kind: u32, count: usize) -> Option<usize> {
    Some(match kind {
        2 | 7 | 8 | 9 | 10 | 11 | 12 | 16 | 18 => 0,
        1 | 14 | 17 => 4,
        3 => 12,
        4 | 5 | 15 | 19 => 12 * count,
        6 | 13 => 8 * count,
        _ => return None,
    })
}

fn string(strings: &[u8], offset: u32) -> &[u8] {
    let rest = strings.get(offset as usize..).unwrap_or_default();
    rest.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Little-endian numbers at byte offsets.
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn half(&self, offset: usize) -> Option<u16> {
        Some(u16::from_le_bytes(self.0.get(offset..offset + 2)?.try_into().ok()?))
    }

    fn word(&self, offset: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.0.get(offset..offset + 4)?.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A BTF file with `struct outer { int a; struct { int b; }; };`.
    fn nested() -> Vec<u8> {
        let strings = b"\0int\0outer\0a\0b\0";
        let types: Vec<u32> = vec![
            1,
            1 << 24,
            4,
            32, // 1: int
            0,
            (4 << 24) | 1,
            4,
            13,
            1,
            0, // 2: anonymous struct { int b; }
            5,
            (4 << 24) | 2,
            8,
            11,
            1,
            0,
            0,
            2,
            32, // 3: struct outer
        ];
        let types: Vec<u8> = types.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut file = vec![0x9f, 0xeb, 1, 0];
        for word in [24, 0, types.len(), types.len(), strings.len()] {
            file.extend(u32::try_from(word).unwrap().to_le_bytes());
        }
        file.extend(types);
        file.extend(strings);
        file
    }

    /// Check that named members are found, through anonymous ones too, and others are not.
    #[test]
    fn offsets_are_found_through_anonymous_members() {
        let file = nested();
        let btf = Btf::parse(&file).unwrap();
        assert_eq!(btf.offset("outer", "a"), Some(0));
        assert_eq!(btf.offset("outer", "b"), Some(4));
        assert_eq!(btf.offset("outer", "c"), None);
        assert_eq!(btf.offset("inner", "a"), None);
    }

    /// Check that every shortened file is refused or read, never a panic.
    #[test]
    fn truncated_files_do_not_panic() {
        let file = nested();
        for length in 0..file.len() {
            if let Ok(btf) = Btf::parse(&file[..length]) {
                let _ = btf.offset("outer", "b");
            }
        }
    }
}
