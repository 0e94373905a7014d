//! The eBPF object that was built into this program.

use super::error::Error;

/// aya parses the object in place, which asks for 8-byte alignment.
#[repr(C, align(8))]
struct Aligned<Bytes: ?Sized>(Bytes);

static OBJECT: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/seccinch.bpf.o")));

/// The object, or an error if this program was built without one.
pub(super) fn embedded() -> Result<&'static [u8], Error> {
    if OBJECT.0.is_empty() { Err(Error::NoObject) } else { Ok(&OBJECT.0) }
}
