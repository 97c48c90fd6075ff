//! What a file holds inside: the bytes themselves, or those of the one file in a gzip or zip archive.
//!
//! Deliberately never more than one layer, and never a name of an archive as a path: entries are
//! read as streams, and nothing is written anywhere.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::Crc;
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use zip::{CompressionMethod, ZipArchive};

use super::{Archive, Limits, ReadError, Source};

/// Bytes at the end of a file that are kept in memory: the directory of a zip archive stands there.
const TAIL_BYTES: usize = 256 * 1024;

/// Names told of an archive of several files.
const NAMES_TOLD: usize = 10;

/// What stands in the one entry of a zip archive.
#[derive(Debug, Clone, Copy)]
struct Entry {
    start: u64,
    packed_bytes: u64,
    deflated: bool,
    crc: u32,
}

/// The content of a file, unpacked as it is read.
#[derive(Clone, Copy)]
pub(super) struct Content<'a> {
    source: &'a dyn Source,
    limits: &'a Limits,
    archive: Option<Archive>,
    entry: Option<Entry>,
}

impl<'a> Content<'a> {
    /// The bytes as they are.
    pub(super) fn plain(source: &'a dyn Source, limits: &'a Limits) -> Self {
        Self {
            source,
            limits,
            archive: None,
            entry: None,
        }
    }

    /// The content of a gzip archive.
    pub(super) fn gzip(source: &'a dyn Source, limits: &'a Limits) -> Self {
        Self {
            archive: Some(Archive::Gzip),
            ..Self::plain(source, limits)
        }
    }

    /// The content of a zip archive that must hold exactly one file.
    pub(super) fn zip(
        source: &'a dyn Source,
        limits: &'a Limits,
        archive: &mut ZipArchive<Seekable<'_>>,
    ) -> Result<Self, ReadError> {
        Ok(Self {
            archive: Some(Archive::Zip),
            entry: Some(only_entry(archive, limits)?),
            ..Self::plain(source, limits)
        })
    }

    pub(super) fn archive(&self) -> Option<Archive> {
        self.archive
    }

    /// The content from its beginning; reading fails where it grows beyond the limits.
    pub(super) fn open(&self) -> Result<Box<dyn Read + 'a>, ReadError> {
        let limit = self.limits.file_bytes() as u64;
        let file = Limited::new(self.source.open()?, limit, |limit| ReadError::TooLarge {
            bytes: limit.saturating_add(1),
            limit,
        });
        let expanded = self.limits.expanded_bytes(self.source.size_bytes());
        let too_large = |limit| ReadError::TooLargeExpanded { limit };
        Ok(match (self.archive, self.entry) {
            (None, _) => Box::new(file),
            (Some(Archive::Gzip), _) => {
                let inside = Damageable::new(MultiGzDecoder::new(file), "the gzip archive", None);
                Box::new(Limited::new(inside, expanded, too_large))
            }
            (Some(Archive::Zip), Some(entry)) => {
                let mut file = file;
                io::copy(&mut (&mut file).take(entry.start), &mut io::sink())?;
                let packed = file.take(entry.packed_bytes);
                let inside: Box<dyn Read + 'a> = if entry.deflated {
                    Box::new(DeflateDecoder::new(packed))
                } else {
                    Box::new(packed)
                };
                let inside = Damageable::new(inside, "the zip archive", Some(entry.crc));
                Box::new(Limited::new(inside, expanded, too_large))
            }
            (Some(Archive::Zip), None) => Box::new(io::empty()),
        })
    }
}

/// The only file of a zip archive; folders and the shadows that macOS adds do not count.
fn only_entry(archive: &mut ZipArchive<Seekable<'_>>, limits: &Limits) -> Result<Entry, ReadError> {
    let is_file = |name: &str| {
        !name.ends_with(['/', '\\'])
            && !name.starts_with("__MACOSX/")
            && name.rsplit('/').next() != Some(".DS_Store")
    };
    let mut files: Vec<(usize, String)> = Vec::new();
    for index in 0..archive.len() {
        let file = archive.by_index_raw(index).map_err(|e| damaged_zip(&e))?;
        let name = String::from_utf8_lossy(file.name_raw());
        if is_file(&name) {
            files.push((index, shown(&name)));
        }
    }
    let index = match files.as_slice() {
        [] => return Err(ReadError::Empty),
        [(index, _)] => *index,
        _ => {
            return Err(ReadError::SeveralFiles {
                count: files.len(),
                names: files
                    .into_iter()
                    .take(NAMES_TOLD)
                    .map(|(_, name)| name)
                    .collect(),
            });
        }
    };
    let file = archive.by_index_raw(index).map_err(|e| damaged_zip(&e))?;
    let limit = limits.expanded_bytes(file.compressed_size());
    if file.size() > limit {
        return Err(ReadError::TooLargeExpanded { limit });
    }
    let unsupported = |what: &str| ReadError::Unsupported {
        what: what.to_owned(),
        advice: "pack it again without that (\"Deflate\", no password), or upload it unpacked",
    };
    if file.encrypted() {
        return Err(unsupported("the zip archive is protected by a password"));
    }
    let deflated = match file.compression() {
        CompressionMethod::Stored => false,
        CompressionMethod::Deflated => true,
        other => {
            return Err(unsupported(&format!(
                "the zip archive is packed by a method that is not read ({other})"
            )));
        }
    };
    Ok(Entry {
        start: file.data_start().unwrap_or(u64::MAX),
        packed_bytes: file.compressed_size(),
        deflated,
        crc: file.crc32(),
    })
}

/// A name of an archive for people: short, and without control characters.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// Opens the directory of a zip archive, which a workbook is too.
pub(super) fn open_zip<'a>(
    source: &'a dyn Source,
    limits: &Limits,
) -> Result<ZipArchive<Seekable<'a>>, ReadError> {
    ZipArchive::new(Seekable::new(source, limits)?).map_err(|error| damaged_zip(&error))
}

fn damaged_zip(error: &zip::result::ZipError) -> ReadError {
    ReadError::Damaged {
        what: "the zip archive",
        detail: error.to_string(),
    }
}

/// A source in which one can go back: by opening it again, since a source only goes forward.
pub(super) struct Seekable<'a> {
    source: &'a dyn Source,
    size: u64,
    at: u64,
    reader: Option<(u64, Box<dyn Read + 'a>)>,
    tail: Vec<u8>,
}

impl<'a> Seekable<'a> {
    /// Reads the source once to its end, to know its size and keep its tail.
    pub(super) fn new(source: &'a dyn Source, limits: &Limits) -> Result<Self, ReadError> {
        let mut reader = Content::plain(source, limits).open()?;
        let (mut size, mut tail) = (0, Vec::new());
        let mut block = vec![0; TAIL_BYTES];
        loop {
            let filled = super::records::fill(&mut reader, &mut block)?;
            if filled == 0 {
                break;
            }
            size += filled as u64;
            tail.extend_from_slice(&block[..filled]);
            tail.drain(..tail.len().saturating_sub(TAIL_BYTES));
        }
        Ok(Self {
            source,
            size,
            at: 0,
            reader: None,
            tail,
        })
    }
}

impl Read for Seekable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.size {
            return Ok(0);
        }
        let tail_at = self.size - self.tail.len() as u64;
        let read = if let Some(inside) = self.at.checked_sub(tail_at) {
            let mut rest = self
                .tail
                .get(usize::try_from(inside).unwrap_or(usize::MAX)..)
                .unwrap_or_default();
            rest.read(buffer)?
        } else {
            let (mut place, mut reader) = match self.reader.take() {
                Some((place, reader)) if place <= self.at => (place, reader),
                _ => (0, self.source.open()?),
            };
            place += io::copy(&mut (&mut reader).take(self.at - place), &mut io::sink())?;
            let read = reader.read(buffer)?;
            self.reader = Some((place + read as u64, reader));
            read
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Seekable<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// A reader that fails once more than the limit has come out of it.
pub(super) struct Limited<R> {
    reader: R,
    limit: u64,
    read: u64,
    error: fn(u64) -> ReadError,
}

impl<R> Limited<R> {
    pub(super) fn new(reader: R, limit: u64, error: fn(u64) -> ReadError) -> Self {
        Self {
            reader,
            limit,
            read: 0,
            error,
        }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.read = self.read.saturating_add(read as u64);
        if self.read > self.limit {
            return Err((self.error)(self.limit).into());
        }
        Ok(read)
    }
}

/// A reader whose failures mean that the archive is damaged; checks the checksum at the end.
struct Damageable<R> {
    reader: R,
    what: &'static str,
    crc: Crc,
    expected: Option<u32>,
}

impl<R> Damageable<R> {
    fn new(reader: R, what: &'static str, expected: Option<u32>) -> Self {
        Self {
            reader,
            what,
            crc: Crc::new(),
            expected,
        }
    }
}

impl<R: Read> Read for Damageable<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let damaged = |what, detail| io::Error::from(ReadError::Damaged { what, detail });
        let read = match self.reader.read(buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => match ReadError::from(error) {
                ReadError::Source { detail } => return Err(damaged(self.what, detail)),
                error => return Err(error.into()),
            },
        };
        if let Some(expected) = self.expected {
            self.crc.update(&buffer[..read]);
            if read == 0 && !buffer.is_empty() && self.crc.sum() != expected {
                return Err(damaged(self.what, "its checksum is wrong".to_owned()));
            }
        }
        Ok(read)
    }
}
