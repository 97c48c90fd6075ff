//! Bytes of a known encoding to UTF-8, as a stream.
//!
//! Deliberately strict: bytes that the encoding does not have are an error, unless they are few
//! among many and told. Which encoding it is, is found in [`super::survey`].

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding};

use super::{ReadError, dos};

/// How much is decoded at once, in bytes.
const BLOCK_BYTES: usize = 32 * 1024;

/// An encoding of text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum TextEncoding {
    /// One that browsers know.
    Web(&'static Encoding),
    /// A code page of DOS.
    Dos(&'static dos::CodePage),
}

impl TextEncoding {
    /// The encoding of a label such as `windows-1252`, `latin1`, `cp850` or `850`.
    pub(super) fn of_label(label: &str) -> Result<Self, ReadError> {
        if let Some(page) = dos::of_label(label) {
            return Ok(Self::Dos(page));
        }
        let unknown = || ReadError::UnknownEncoding {
            label: label.to_owned(),
        };
        let encoding = Encoding::for_label_no_replacement(label.trim().as_bytes());
        encoding.map(Self::Web).ok_or_else(unknown)
    }

    /// The usual name.
    pub(super) fn name(self) -> String {
        match self {
            Self::Web(encoding) if encoding.name().starts_with("windows") => {
                encoding.name().to_owned()
            }
            Self::Web(encoding) => encoding.name().to_uppercase(),
            Self::Dos(page) => page.name.to_owned(),
        }
    }

    /// A short piece of text; what does not exist becomes a replacement character.
    pub(super) fn decode_lossy(self, bytes: &[u8]) -> String {
        match self {
            Self::Web(encoding) => encoding.decode(bytes).0.into_owned(),
            Self::Dos(page) => bytes.iter().map(|byte| page.char_of(*byte)).collect(),
        }
    }
}

/// A stream of UTF-8 made of a stream of another encoding, without byte order mark.
pub(super) struct Decoding<R> {
    reader: R,
    encoding: TextEncoding,
    decoder: Option<Decoder>,
    replaces: bool,
    input: Vec<u8>,
    at: usize,
    filled: usize,
    consumed: u64,
    finished: bool,
    output: Vec<u8>,
    given: usize,
}

impl<R: Read> Decoding<R> {
    pub(super) fn new(reader: R, encoding: TextEncoding) -> Self {
        let decoder = match encoding {
            TextEncoding::Web(encoding) => Some(encoding.new_decoder_with_bom_removal()),
            TextEncoding::Dos(_) => None,
        };
        Self {
            reader,
            encoding,
            decoder,
            replaces: false,
            input: vec![0; BLOCK_BYTES],
            at: 0,
            filled: 0,
            consumed: 0,
            finished: false,
            output: Vec::with_capacity(BLOCK_BYTES * 3),
            given: 0,
        }
    }

    /// Puts the sign for an unreadable character where bytes are broken.
    pub(super) fn replacing_what_is_broken(self) -> Self {
        Self {
            replaces: true,
            ..self
        }
    }

    /// Decodes until there is something to give, or nothing more.
    fn advance(&mut self) -> io::Result<()> {
        self.output.clear();
        self.given = 0;
        while self.output.is_empty() && !self.finished {
            if self.at == self.filled {
                self.at = 0;
                self.filled = super::records::fill(&mut self.reader, &mut self.input)?;
            }
            let last = self.filled == 0;
            match (&mut self.decoder, self.encoding) {
                (Some(decoder), _) => {
                    self.output.resize(BLOCK_BYTES * 3, 0);
                    let input = &self.input[self.at..self.filled];
                    let (result, read, written) =
                        decoder.decode_to_utf8_without_replacement(input, &mut self.output, last);
                    self.output.truncate(written);
                    self.at += read;
                    self.consumed += read as u64;
                    match result {
                        DecoderResult::Malformed(..) if self.replaces => {
                            self.output.extend_from_slice("\u{fffd}".as_bytes());
                        }
                        DecoderResult::Malformed(length, behind) => {
                            let before = u64::from(length) + u64::from(behind);
                            return Err(io::Error::from(ReadError::BrokenEncoding {
                                encoding: self.encoding.name(),
                                position: self.consumed.saturating_sub(before),
                            }));
                        }
                        DecoderResult::InputEmpty => self.finished = last,
                        DecoderResult::OutputFull => {}
                    }
                }
                (None, TextEncoding::Dos(page)) => {
                    page.decode(&self.input[self.at..self.filled], &mut self.output);
                    self.at = self.filled;
                    self.finished = last;
                }
                (None, TextEncoding::Web(_)) => self.finished = true,
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.output.len() {
            self.advance()?;
        }
        let rest = &self.output[self.given..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }
}
