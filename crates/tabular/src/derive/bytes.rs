//! A history as bytes that travel beside a model, and back.
//!
//! Deliberately small and checked: about 12 bytes a quote and customer, product or owner at most,
//! and bytes that are cut short, altered or of another kind give an error, never a wrong history.
//!
//! The layout: `VQH`, a version byte, the body, and 8 bytes of FNV-1a over all before. Numbers of
//! the body are LEB128 (seven bits a byte, lowest first), signed ones zigzag, keys 8 bytes, all
//! little-endian. The body is the number of days; of each day its distance to the one before and
//! its number of rows; of each row `3 * (0 without a price, else 1 + log) + outcome`; of customers,
//! products and owners their number and of each its key, number of rows, and the distances of
//! their places; and the number of quotes with a reference and of each its key and place.

use super::build::MAX_ROWS;
use super::history::{Core, History};
use super::index::KeyIndex;
use super::key::fnv;
use super::own::LOG_PARTS;
use super::series::{NO_LOG, Postings};

const MAGIC: &[u8; 3] = b"VQH";
const VERSION: u8 = 1;
const CHECK_BYTES: usize = 8;

/// Logarithms of prices lie within these, in parts.
const MAX_LOG: i64 = 750 * LOG_PARTS as i64;

/// Why bytes are no history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// They begin otherwise.
    #[error(
        "these bytes are not a quote history; give the history file that was written beside the model"
    )]
    NotAHistory,
    /// A later version of this program wrote them.
    #[error(
        "the quote history has format version {0}, and this program reads version 1; update the program, or train the model again"
    )]
    Version(u8),
    /// Some are missing or altered.
    #[error("the quote history is damaged ({0}); fetch it again, or train the model again")]
    Damaged(&'static str),
}

impl History {
    /// The history as bytes; the same quotes give the same bytes, in whatever order they came.
    pub fn to_bytes(&self) -> Vec<u8> {
        let core = &self.core;
        let mut out = Vec::with_capacity(self.len() * 32 + 64);
        out.extend_from_slice(MAGIC);
        out.push(VERSION);
        put(&mut out, core.days.len() as u64);
        let mut previous = 0i64;
        for (day, ends) in core.days.iter().zip(core.starts.windows(2)) {
            put(&mut out, zigzag(i64::from(*day) - previous));
            put(&mut out, u64::from(ends[1] - ends[0]));
            previous = i64::from(*day);
        }
        for (log, outcome) in core.quotes.logs.iter().zip(&core.quotes.outcomes) {
            let log = if *log == NO_LOG {
                0
            } else {
                1 + zigzag(i64::from(*log))
            };
            put(&mut out, 3 * log + u64::from(*outcome));
        }
        for postings in self.postings() {
            put(&mut out, postings.keys.keys().len() as u64);
            for (key, ends) in postings.keys.keys().iter().zip(postings.starts.windows(2)) {
                out.extend_from_slice(&key.to_le_bytes());
                put(&mut out, u64::from(ends[1] - ends[0]));
                let mut next = 0;
                for place in &postings.places[ends[0] as usize..ends[1] as usize] {
                    put(&mut out, u64::from(place - next));
                    next = place + 1;
                }
            }
        }
        put(&mut out, core.quote_keys.keys().len() as u64);
        for (key, place) in core.quote_keys.keys().iter().zip(&core.quote_places) {
            out.extend_from_slice(&key.to_le_bytes());
            put(&mut out, u64::from(*place));
        }
        let check = fnv(out.iter().copied());
        out.extend_from_slice(&check.to_le_bytes());
        out
    }

    /// The history of bytes that [`History::to_bytes`] made. Memory stays within a small multiple of
    /// the length of the bytes, whatever they are.
    ///
    /// # Errors
    /// [`HistoryError`] where they are anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HistoryError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(HistoryError::NotAHistory)?;
        match rest.first() {
            Some(&VERSION) => {}
            Some(version) => return Err(HistoryError::Version(*version)),
            None => return Err(damaged("it is cut short")),
        }
        let split = bytes.len().checked_sub(CHECK_BYTES);
        let split = split.filter(|split| *split > MAGIC.len());
        let (content, check) = bytes.split_at(split.ok_or(damaged("it is cut short"))?);
        if fnv(content.iter().copied()).to_le_bytes() != check {
            return Err(damaged("its check sum does not fit"));
        }
        let mut reader = Reader(&content[MAGIC.len() + 1..]);
        let core = core(&mut reader)?;
        if !reader.0.is_empty() {
            return Err(damaged("it goes on behind its end"));
        }
        Ok(Self::assemble(core))
    }
}

fn core(reader: &mut Reader<'_>) -> Result<Core, HistoryError> {
    let mut core = Core::default();
    days(reader, &mut core)?;
    let rows = core.starts.last().map_or(0, |rows| *rows as usize);
    if rows > reader.0.len() {
        return Err(damaged("it is cut short"));
    }
    core.quotes.logs.reserve_exact(rows);
    core.quotes.outcomes.reserve_exact(rows);
    for _ in 0..rows {
        let number = reader.number()?;
        let log = match number / 3 {
            0 => NO_LOG,
            log => small_log(unzigzag(log - 1))?,
        };
        core.quotes.logs.push(log);
        core.quotes.outcomes.push((number % 3) as u8);
    }
    for postings in &mut core.postings {
        *postings = read_postings(reader, rows)?;
    }
    quote_keys(reader, &mut core)?;
    Ok(core)
}

fn days(reader: &mut Reader<'_>, core: &mut Core) -> Result<(), HistoryError> {
    let (mut day, mut rows) = (0i64, 0usize);
    for _ in 0..reader.count()? {
        let next = unzigzag(reader.number()?).checked_add(day);
        let next = next.and_then(|next| i32::try_from(next).ok());
        let next = next.ok_or(damaged("a day is out of range"))?;
        if core.days.last().is_some_and(|last| *last >= next) {
            return Err(damaged("its days are not in order"));
        }
        core.days.push(next);
        core.starts.push(rows as u32);
        day = i64::from(next);
        let count = reader.count()?;
        rows = rows.saturating_add(count);
        if count == 0 || rows > MAX_ROWS {
            return Err(damaged("a day has an impossible number of quotes"));
        }
    }
    core.starts.push(rows as u32);
    Ok(())
}

fn read_postings(reader: &mut Reader<'_>, rows: usize) -> Result<Postings, HistoryError> {
    let mut postings = Postings::default();
    let mut keys = Vec::new();
    let mut taken = vec![false; rows];
    for _ in 0..reader.count()? {
        let key = reader.key()?;
        if keys.last().is_some_and(|last| *last >= key) {
            return Err(damaged("its names are not in order"));
        }
        keys.push(key);
        postings.starts.push(postings.places.len() as u32);
        let count = reader.count()?;
        if count == 0 {
            return Err(damaged("a name has no quotes"));
        }
        let mut next = 0u64;
        for _ in 0..count {
            let place = next.saturating_add(reader.number()?);
            let slot = usize::try_from(place).ok().and_then(|at| taken.get_mut(at));
            match slot {
                Some(slot) if !*slot => *slot = true,
                _ => return Err(damaged("a name stands at an impossible quote")),
            }
            postings.places.push(place as u32);
            next = place + 1;
        }
    }
    postings.starts.push(postings.places.len() as u32);
    postings.places.shrink_to_fit();
    postings.keys = KeyIndex::new(keys);
    Ok(postings)
}

fn quote_keys(reader: &mut Reader<'_>, core: &mut Core) -> Result<(), HistoryError> {
    let mut taken = vec![false; core.quotes.logs.len()];
    let mut last: Option<(u64, usize)> = None;
    let mut keys = Vec::new();
    for _ in 0..reader.count()? {
        let (key, place) = (reader.key()?, reader.number()?);
        let slot = usize::try_from(place).ok().and_then(|at| taken.get_mut(at));
        match slot {
            Some(slot) if !*slot => *slot = true,
            _ => return Err(damaged("a reference stands at an impossible quote")),
        }
        let place = place as u32;
        let day = core.starts.partition_point(|start| *start <= place);
        // Two rows of one quote never count on the same day.
        if last.is_some_and(|last| last >= (key, day)) {
            return Err(damaged("its references are not in order"));
        }
        last = Some((key, day));
        keys.push(key);
        core.quote_places.push(place);
    }
    core.quote_places.shrink_to_fit();
    core.quote_keys = KeyIndex::new(keys);
    Ok(())
}

fn small_log(log: i64) -> Result<i32, HistoryError> {
    let small = i32::try_from(log).ok().filter(|_| log.abs() <= MAX_LOG);
    small.ok_or(damaged("a price is out of range"))
}

fn damaged(how: &'static str) -> HistoryError {
    HistoryError::Damaged(how)
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn number(&mut self) -> Result<u64, HistoryError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(damaged("it is cut short"))?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(damaged("a number is too long"))
    }

    /// How many things follow; each takes at least a byte.
    fn count(&mut self) -> Result<usize, HistoryError> {
        let count = usize::try_from(self.number()?).ok();
        let count = count.filter(|count| *count <= self.0.len());
        count.ok_or(damaged("it is cut short"))
    }

    fn key(&mut self) -> Result<u64, HistoryError> {
        let (key, rest) = self
            .0
            .split_first_chunk()
            .ok_or(damaged("it is cut short"))?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*key))
    }
}
