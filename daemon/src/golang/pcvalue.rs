//! The tables that give a value to every instruction of a function: stack depth, file, line, inlined call.
//!
//! Format: `step` and `readvarint` in `src/runtime/symtab.go`, the same from Go 1.18 to 1.27. A table is a row of
//! pairs of unsigned varints: by how much the value changes (zigzag), and for how many units of the smallest
//! instruction the new value holds. A change of 0 ends the table, but for the first.

/// Tenfold of what the longest functions of real programs have (14 thousand).
const MOST_STEPS: usize = 1 << 17;
/// Before the first change.
const START: i32 = -1;
/// A varint of 32 bits.
const MOST_VARINT_BYTES: usize = 5;

/// The value for the instruction so many bytes behind the function's entry; nothing if the table does not reach it.
pub(super) fn value_at(table: &[u8], quantum: u8, distance: u64) -> Option<i32> {
    let mut rest = table;
    let mut value = START;
    let mut end = 0_u64;
    for step in 0..MOST_STEPS {
        let (change, units);
        (change, units, rest) = pair(rest)?;
        if change == 0 && step != 0 {
            return None;
        }
        value = value.wrapping_add(zigzag(change));
        end += u64::from(units) * u64::from(quantum);
        if distance < end {
            return Some(value);
        }
    }
    None
}

/// A change, for how many units it holds, and what follows.
fn pair(bytes: &[u8]) -> Option<(u32, u32, &[u8])> {
    // Most pairs are of this kind, and tables are long.
    if let &[change @ ..0x80, units @ ..0x80, ref rest @ ..] = bytes {
        return Some((change.into(), units.into(), rest));
    }
    let mut rest = bytes;
    let change = varint(&mut rest)?;
    Some((change, varint(&mut rest)?, rest))
}

/// Takes an unsigned varint from the front.
fn varint(bytes: &mut &[u8]) -> Option<u32> {
    let mut value = 0;
    for position in 0..MOST_VARINT_BYTES {
        let byte = *bytes.get(position)?;
        value |= u32::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            *bytes = &bytes[position + 1..];
            return Some(value);
        }
    }
    None
}

/// 0, -1, 1, -2, 2, …
fn zigzag(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 8 for 2 units, then 24 for 300 units (a varint of 2 bytes), then 8 for 1.
    const TABLE: [u8; 9] = [18, 2, 32, 0xac, 0x02, 31, 1, 0, 99];

    /// Check that each instruction gets the value of its range, in units of the machine.
    #[test]
    fn values_are_decoded() {
        for (distance, value) in [(0, 8), (1, 8), (2, 24), (301, 24), (302, 8)] {
            assert_eq!(value_at(&TABLE, 1, distance), Some(value), "at {distance}");
            assert_eq!(value_at(&TABLE, 4, distance * 4 + 3), Some(value), "at {distance} of 4 bytes");
        }
        assert_eq!(value_at(&TABLE, 1, 303), None, "behind the end");
    }

    /// Check that the first change may be 0 (the value is -1 then), which ends the table anywhere else.
    #[test]
    fn a_table_may_begin_with_no_change() {
        assert_eq!(value_at(&[0, 5, 2, 5, 0], 1, 4), Some(-1));
        assert_eq!(value_at(&[0, 5, 2, 5, 0], 1, 5), Some(0));
        assert_eq!(value_at(&[0, 5, 0, 5], 1, 5), None);
    }

    /// Check that cut and endless tables are nothing.
    #[test]
    fn damaged_tables_are_nothing() {
        for length in 0..4 {
            assert_eq!(value_at(&TABLE[..length], 1, 200), None, "cut to {length}");
        }
        assert_eq!(value_at(&[0xff; 64], 1, 0), None, "a varint without an end");
        assert_eq!(value_at(&[2, 0].repeat(MOST_STEPS + 1), 1, 0), None, "no step goes on");
        assert_eq!(value_at(&[2, 0xff, 0xff, 0xff, 0xff, 0x0f], 4, u64::MAX), None);
    }
}
