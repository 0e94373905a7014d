//! A layer's bytes, whatever they are compressed with: the first bytes tell, media types are often wrong.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::BlockDecodingStrategy;
use ruzstd::decoding::FrameDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

/// RFC 1952.
pub(super) const GZIP: [u8; 2] = [0x1f, 0x8b];
/// RFC 8878. Files by `zstd:chunked` begin with an ordinary frame.
pub(super) const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What comes out of compressed or plain bytes.
pub(super) enum Unpacked<R> {
    Plain(R),
    Gzip(MultiGzDecoder<R>),
    Zstd(Box<Zstd<R>>),
}

/// Frames of zstd, one after the other, with those between them that are to be skipped.
pub(super) struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    is_in_frame: bool,
}

impl<R: BufRead> Unpacked<R> {
    pub(super) fn new(mut source: R) -> io::Result<Self> {
        let head = source.fill_buf()?;
        Ok(if head.starts_with(&GZIP) {
            Self::Gzip(MultiGzDecoder::new(source))
        } else if head.starts_with(&ZSTD) {
            Self::Zstd(Box::new(Zstd { source, decoder: FrameDecoder::new(), is_in_frame: false }))
        } else {
            Self::Plain(source)
        })
    }

    /// The compressed bytes, from where they were read last.
    pub(super) fn into_inner(self) -> R {
        match self {
            Self::Plain(source) => source,
            Self::Gzip(decoder) => decoder.into_inner(),
            Self::Zstd(zstd) => zstd.source,
        }
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(source) => source.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Zstd(zstd) => zstd.read(buffer),
        }
    }
}

impl<R: BufRead> Zstd<R> {
    fn begin_frame(&mut self) -> io::Result<()> {
        match self.decoder.reset(&mut self.source) {
            Ok(()) => self.is_in_frame = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => {
                io::copy(&mut (&mut self.source).take(length.into()), &mut io::sink())?;
            }
            Err(error) => return Err(io::Error::other(error)),
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.is_in_frame && self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if self.is_in_frame && !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.source, one).map_err(io::Error::other)?;
                continue;
            }
            self.is_in_frame = false;
            if self.source.fill_buf()?.is_empty() {
                return Ok(0);
            }
            self.begin_frame()?;
        }
    }
}
