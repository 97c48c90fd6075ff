//! Compound files, the folders in a file that Excel workbooks before 2007 are: one stream taken out
//! of somebody's file, and one put alone into a file of our own.
//!
//! Deliberately not more: calamine reads compound files too, but follows chains that run in circles
//! and believes every length. So it is only given files that were made here. Source of the layout:
//! Microsoft's \[MS-CFB\].

use super::super::ReadError;

/// First bytes of every compound file.
const SIGNATURE: [u8; 8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
const END_OF_CHAIN: u32 = 0xFFFF_FFFE;
const FREE: u32 = 0xFFFF_FFFF;
const FAT: u32 = 0xFFFF_FFFD;
/// Streams below this size lie in sectors of 64 bytes inside another stream.
const MINI_LIMIT: usize = 4096;
const MINI_SECTOR: usize = 64;
const ENTRY_BYTES: usize = 128;

/// Size of a sector in the files that are made here, as a power of two: large, so that the header
/// has room for every table.
const OWN_SHIFT: u16 = 12;
const OWN_SECTOR: usize = 1 << OWN_SHIFT;

fn damaged(detail: &str) -> ReadError {
    super::damaged(&format!("as a compound file it is broken: {detail}"))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk());
    found.map_or(0, |found| u16::from_le_bytes(*found))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk());
    found.map_or(0, |found| u32::from_le_bytes(*found))
}

fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A stream in the directory.
struct Entry {
    name: String,
    start: u32,
    bytes: usize,
}

/// A compound file that is being read.
pub(super) struct Compound<'a> {
    bytes: &'a [u8],
    sector: usize,
    fat: Vec<u32>,
    entries: Vec<Entry>,
    mini: Vec<u8>,
    mini_fat: Vec<u32>,
}

impl<'a> Compound<'a> {
    /// Opens a compound file; its tables cost as much memory as they have bytes in the file.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, ReadError> {
        let shift = u16_at(bytes, 30);
        if bytes.len() < 512 || !bytes.starts_with(&SIGNATURE) || !matches!(shift, 9 | 12) {
            return Err(damaged("its header is none"));
        }
        let mut file = Self {
            bytes,
            sector: 1 << shift,
            fat: Vec::new(),
            entries: Vec::new(),
            mini: Vec::new(),
            mini_fat: Vec::new(),
        };
        file.read_fat()?;
        let directory = file.chain(u32_at(bytes, 48), usize::MAX)?;
        file.entries = directory
            .as_chunks::<ENTRY_BYTES>()
            .0
            .iter()
            .map(|entry| file.entry(entry))
            .collect();
        let Some(root) = file.entries.first() else {
            return Err(damaged("its directory is empty"));
        };
        if u32_at(bytes, 64) > 0 {
            file.mini = file.chain(root.start, root.bytes)?;
            file.mini_fat = numbers(&file.chain(u32_at(bytes, 60), usize::MAX)?);
        }
        Ok(file)
    }

    fn sectors(&self) -> usize {
        self.bytes.len() / self.sector
    }

    fn sector(&self, number: u32) -> Result<&'a [u8], ReadError> {
        // The header takes the place of the first sector.
        let start = place(number).saturating_add(1).saturating_mul(self.sector);
        let end = start.saturating_add(self.sector).min(self.bytes.len());
        let found = self.bytes.get(start..end).filter(|part| !part.is_empty());
        found.ok_or_else(|| damaged("a part lies behind its end"))
    }

    fn read_fat(&mut self) -> Result<(), ReadError> {
        let header = self.bytes.get(76..512).unwrap_or_default();
        let mut tables = numbers(header);
        let mut next = u32_at(self.bytes, 68);
        let mut seen = 0;
        while next < FAT - 2 {
            seen += 1;
            if seen > self.sectors() {
                return Err(damaged("a chain runs in a circle"));
            }
            let mut more = numbers(self.sector(next)?);
            next = more.pop().unwrap_or(END_OF_CHAIN);
            tables.append(&mut more);
        }
        for table in tables.into_iter().filter(|table| *table < FAT - 2) {
            if self.fat.len() > self.sectors().saturating_add(self.sector) {
                break;
            }
            let more = numbers(self.sector(table)?);
            self.fat.extend(more);
        }
        Ok(())
    }

    /// The bytes of a chain of sectors, at most `limit`.
    fn chain(&self, start: u32, limit: usize) -> Result<Vec<u8>, ReadError> {
        let (mut found, mut next, mut seen) = (Vec::new(), start, 0);
        while next != END_OF_CHAIN && found.len() < limit {
            seen += 1;
            if seen > self.sectors() {
                return Err(damaged("a chain runs in a circle"));
            }
            let sector = self.sector(next)?;
            found.extend_from_slice(&sector[..sector.len().min(limit - found.len())]);
            next = self.next(&self.fat, next)?;
        }
        Ok(found)
    }

    fn next(&self, fat: &[u32], sector: u32) -> Result<u32, ReadError> {
        let next = fat.get(place(sector)).copied();
        next.ok_or_else(|| damaged("a chain ends in nothing"))
    }

    fn entry(&self, entry: &[u8; ENTRY_BYTES]) -> Entry {
        let units = entry.as_chunks::<2>().0.iter().take(32);
        let units: Vec<u16> = units
            .map(|unit| u16::from_le_bytes(*unit))
            .take_while(|unit| *unit != 0)
            .collect();
        Entry {
            name: String::from_utf16_lossy(&units),
            start: u32_at(entry, 116),
            // Streams of 4 GiB and more are beyond every limit, so the upper half is not needed.
            bytes: place(u32_at(entry, 120)),
        }
    }

    /// Whether there is a stream or folder of a name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<&Entry> {
        let is = |entry: &&Entry| entry.name.eq_ignore_ascii_case(name);
        self.entries.iter().find(is)
    }

    /// The content of a stream; `None` where there is none of that name.
    pub(super) fn stream(&self, name: &str) -> Result<Option<Vec<u8>>, ReadError> {
        let Some(entry) = self.find(name) else {
            return Ok(None);
        };
        if entry.bytes >= MINI_LIMIT {
            return Ok(Some(self.chain(entry.start, entry.bytes)?));
        }
        let (mut found, mut next) = (Vec::new(), entry.start);
        // Every step adds bytes, so that a circle ends too.
        while next != END_OF_CHAIN && found.len() < entry.bytes {
            let start = place(next).saturating_mul(MINI_SECTOR);
            let end = start
                .saturating_add(MINI_SECTOR.min(entry.bytes - found.len()))
                .min(self.mini.len());
            let part = self.mini.get(start..end).filter(|part| !part.is_empty());
            found.extend_from_slice(part.ok_or_else(|| damaged("a part lies behind its end"))?);
            next = self.next(&self.mini_fat, next)?;
        }
        Ok(Some(found))
    }
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    let numbers = bytes.as_chunks::<4>().0.iter();
    numbers.map(|number| u32::from_le_bytes(*number)).collect()
}

/// A compound file with one stream, as small a one as can be.
///
/// The stream is filled up with zeros to [`MINI_LIMIT`]. `None` where it is larger than the table in
/// the header can address, about 450 MB.
pub(super) fn with_one_stream(name: &str, mut content: Vec<u8>) -> Option<Vec<u8>> {
    content.resize(content.len().max(MINI_LIMIT), 0);
    let length = u32::try_from(content.len()).ok()?;
    let sectors = content.len().div_ceil(OWN_SECTOR);
    let per_table = OWN_SECTOR / 4;
    // The tables describe themselves and the directory too.
    let tables = (sectors + 1).div_ceil(per_table - 1);
    if tables > 109 {
        return None;
    }
    let number = |place: usize| u32::try_from(place).unwrap_or(FREE);
    // Sectors in the file: tables, directory, stream.
    let (directory, first) = (number(tables), number(tables + 1));
    let mut file = vec![0; OWN_SECTOR];
    file[..8].copy_from_slice(&SIGNATURE);
    for (at, value) in [(24, 0x3E), (26, 4), (28, 0xFFFE), (30, OWN_SHIFT), (32, 6)] {
        file[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
    let fields = [
        (40, 1),
        (44, number(tables)),
        (48, directory),
        (56, number(MINI_LIMIT)),
        (60, END_OF_CHAIN),
        (68, END_OF_CHAIN),
    ];
    for (at, value) in fields {
        file[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    for at in 0..109 {
        let value = if at < tables { number(at) } else { FREE };
        file[76 + at * 4..80 + at * 4].copy_from_slice(&value.to_le_bytes());
    }
    for at in 0..tables * per_table {
        let stream = at.checked_sub(tables + 1);
        let next = match stream {
            None if at < tables => FAT,
            None => END_OF_CHAIN,
            Some(place) if place + 1 < sectors => number(at + 1),
            Some(place) if place + 1 == sectors => END_OF_CHAIN,
            Some(_) => FREE,
        };
        file.extend_from_slice(&next.to_le_bytes());
    }
    let mut entries = vec![0; OWN_SECTOR];
    // The root has no content, but calamine takes one without a place for broken.
    write_entry(&mut entries[..ENTRY_BYTES], "Root Entry", 5, 1, 0, 0);
    write_entry(
        &mut entries[ENTRY_BYTES..2 * ENTRY_BYTES],
        name,
        2,
        FREE,
        first,
        length,
    );
    file.append(&mut entries);
    file.append(&mut content);
    file.resize(file.len().next_multiple_of(OWN_SECTOR), 0);
    Some(file)
}

fn write_entry(entry: &mut [u8], name: &str, kind: u8, child: u32, start: u32, length: u32) {
    let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    entry[..units.len()].copy_from_slice(&units);
    let size = u16::try_from(units.len() + 2).unwrap_or_default();
    entry[64..66].copy_from_slice(&size.to_le_bytes());
    entry[66] = kind;
    entry[67] = 1;
    for (at, value) in [
        (68, FREE),
        (72, FREE),
        (76, child),
        (116, start),
        (120, length),
    ] {
        entry[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out() {
        for size in [0, 1, 4096, 5000, 3 * 1024 * 4096 + 7] {
            let content: Vec<u8> = (0..size).map(|at: usize| (at % 251) as u8).collect();
            let file = with_one_stream("Workbook", content.clone()).expect("is small");
            let read = Compound::open(&file).expect("is whole");
            let found = read
                .stream("workbook")
                .expect("is whole")
                .expect("is there");
            assert_eq!(found[..size], content);
            assert!(found[size..].iter().all(|byte| *byte == 0));
            assert!(read.has("Root Entry") && !read.has("Book"));
        }
    }

    #[test]
    fn circles_and_lies_end() {
        let whole = with_one_stream("Workbook", vec![7; 9_000]).expect("is small");
        for at in (0..whole.len()).step_by(3) {
            let mut changed = whole.clone();
            changed[at] ^= 0xFF;
            if let Ok(file) = Compound::open(&changed) {
                let _ = file.stream("Workbook");
            }
        }
        // The directory's chain leads back to itself.
        let mut circle = whole.clone();
        circle[4096 + 4..4096 + 8].copy_from_slice(&1_u32.to_le_bytes());
        assert!(Compound::open(&circle).is_err());
    }
}
