//! One layer: its entries, with what it is made of checked.

use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;

use super::Error;
use super::archive::{self, Entry};
use super::blobs::{BUFFER, Blobs, check};
use super::budget::{Bounded, Budget};
use super::unpack::Unpacked;
use crate::files::{Digest, Digesting};

/// A layer of an image.
#[derive(Debug)]
pub(super) struct Layer {
    /// The part of the image that it is.
    pub(super) member: String,
    /// The digest and length of that part, where the image says them.
    pub(super) packed: Option<(Digest, u64)>,
    /// The digest of what it unpacks to (`diff_ids` of the configuration).
    pub(super) unpacked: Digest,
}

/// What is checked of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verify {
    /// Its digests: it is read to its end.
    Digests,
    /// Nothing: that was done before.
    Nothing,
}

/// What is done with each entry: its number in the layer, and its content.
pub(super) type Visit<'a> = &'a mut dyn FnMut(u64, &Entry, &mut dyn Read) -> Result<ControlFlow<()>, Error>;

/// What ends the way through a layer.
enum Stop {
    /// It can't be unpacked.
    Io(io::Error),
    /// Something else.
    Other(Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Layer {
    /// Its name in messages.
    pub(super) fn name(&self) -> String {
        let digest = self.packed.map_or(self.unpacked, |(digest, _)| digest);
        format!("layer sha256:{digest}")
    }

    pub(super) fn unreadable(&self, source: io::Error) -> Error {
        Error::Layer { layer: self.name(), source }
    }

    /// Visits its entries, until the visitor has seen enough.
    pub(super) fn walk(
        &self,
        blobs: &Blobs,
        budget: &mut Budget,
        verify: Verify,
        visit: Visit<'_>,
    ) -> Result<(), Error> {
        let fail = |source| self.unreadable(source);
        let Some(packed) = blobs.open_member(&self.member)? else {
            return Err(Error::Missing { what: self.name() });
        };
        match verify {
            Verify::Nothing => self.entries(packed, budget, visit, |_, _| Ok(())),
            Verify::Digests => self.entries(Digesting::new(packed), budget, visit, |packed, unpacked| {
                let (digest, size) = packed.finish().map_err(fail)?;
                if let Some((expected, expected_size)) = self.packed {
                    if size != expected_size {
                        let problem = format!("has {size} bytes, and the image says {expected_size}");
                        return Err(Error::Invalid { what: self.name(), problem });
                    }
                    check(&self.name(), digest, expected)?;
                }
                check(&format!("what {} unpacks to", self.name()), unpacked, self.unpacked)
            }),
        }
    }

    fn entries<R: Read>(
        &self,
        packed: R,
        budget: &mut Budget,
        visit: Visit<'_>,
        finish: impl FnOnce(R, Digest) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let fail = |source| self.unreadable(source);
        let unpacked = Unpacked::new(BufReader::with_capacity(BUFFER, packed)).map_err(fail)?;
        let before = budget.bytes_left();
        let mut bounded = Bounded::new(unpacked, before);
        let mut digesting = Digesting::new(&mut bounded);
        let mut ordinal = 0;
        let mut is_whole = true;
        let mut walked = archive::each(&mut digesting, &mut |entry, content| {
            budget.take_entry(entry.names()).map_err(Stop::Other)?;
            let flow = visit(ordinal, &entry, content).map_err(Stop::Other)?;
            ordinal += 1;
            is_whole = flow.is_continue();
            Ok(flow)
        });
        let mut digest = None;
        if walked.is_ok() && is_whole {
            match digesting.finish() {
                Ok((of_all, _)) => digest = Some(of_all),
                Err(error) => walked = Err(Stop::Io(error)),
            }
        }
        if bounded.is_exceeded() {
            return Err(budget.too_many_bytes());
        }
        budget.take_bytes(before - bounded.left());
        match (walked, digest) {
            (Err(Stop::Io(source)), _) => Err(fail(source)),
            (Err(Stop::Other(error)), _) => Err(error),
            (Ok(()), Some(digest)) => finish(bounded.into_inner().into_inner().into_inner(), digest),
            (Ok(()), None) => Ok(()),
        }
    }
}
