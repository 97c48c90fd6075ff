//! The headers of the pages of a Parquet file: what each says that it unpacks to, before the parquet
//! crate believes it.
//!
//! Deliberately no more of Thrift than walking over a header takes. Source of the layout: the
//! Parquet format's `parquet.thrift`, in Thrift's compact protocol.

/// Deepest nesting of a header; real ones have three levels.
const MAX_DEPTH: u32 = 8;

/// What the pages of one column unpack to, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pages {
    pub(super) total: u64,
    pub(super) largest: u64,
    /// Whether texts are written as what they have in common with the one before, so that a page
    /// unpacks once more.
    pub(super) prefixed: bool,
}

/// A page of a column chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page<'a> {
    /// Bytes that it says it unpacks to, those in front included that are not packed.
    pub(super) unpacked: u64,
    /// Bytes in front that are not packed.
    pub(super) bare: usize,
    pub(super) content: &'a [u8],
}

/// Adds up the pages of a column chunk, each of which `check` looks at; `None` where a header is none
/// or a page is not as it should be.
pub(super) fn sizes(mut chunk: &[u8], check: impl Fn(Page<'_>) -> bool) -> Option<Pages> {
    let mut pages = Pages::default();
    while !chunk.is_empty() {
        let mut walk = Walk { rest: chunk };
        let (mut unpacked, mut packed) = (None, None);
        let (mut field, mut bare) = (0, 0);
        while let Some(kind) = walk.field(&mut field)? {
            match (field, kind) {
                (2, I32) => unpacked = u64::try_from(walk.number()?).ok(),
                (3, I32) => packed = usize::try_from(walk.number()?).ok(),
                // The header of a data page of either version, each with its place of the encoding.
                (5, STRUCT) => {
                    let [encoding] = walk.numbers([2])?;
                    pages.prefixed |= encoding == DELTA_BYTE_ARRAY;
                }
                (8, STRUCT) => {
                    let [encoding, definitions, repetitions] = walk.numbers([4, 5, 6])?;
                    pages.prefixed |= encoding == DELTA_BYTE_ARRAY;
                    bare = usize::try_from(definitions.checked_add(repetitions)?).ok()?;
                }
                _ => walk.skip(kind, 0)?,
            }
        }
        let (unpacked, packed) = (unpacked?, packed?);
        pages.total = pages.total.saturating_add(unpacked);
        pages.largest = pages.largest.max(unpacked);
        let content = walk.rest.get(..packed)?;
        let page = Page {
            unpacked,
            bare,
            content,
        };
        if !check(page) {
            return None;
        }
        chunk = walk.rest.get(packed..)?;
    }
    Some(pages)
}

const I32: u8 = 5;
const STRUCT: u8 = 12;
const DELTA_BYTE_ARRAY: i64 = 7;

/// A walk over Thrift's compact protocol.
struct Walk<'a> {
    rest: &'a [u8],
}

impl Walk<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn bytes(&mut self, count: usize) -> Option<()> {
        self.rest = self.rest.get(count..)?;
        Some(())
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A number as zigzag.
    fn number(&mut self) -> Option<i64> {
        let number = self.unsigned()?;
        i64::try_from(number >> 1)
            .ok()
            .map(|half| if number & 1 == 0 { half } else { -half - 1 })
    }

    /// The kind of the next field, whose number is put into `field`; `Some(None)` at the end.
    fn field(&mut self, field: &mut i64) -> Option<Option<u8>> {
        let head = self.byte()?;
        let kind = head & 0x0F;
        if kind == 0 {
            return Some(None);
        }
        *field = match head >> 4 {
            0 => self.number()?,
            step => field.checked_add(i64::from(step))?,
        };
        Some(Some(kind))
    }

    /// Passes a struct; the numbers in some of its fields, 0 where not there.
    fn numbers<const N: usize>(&mut self, wanted: [i64; N]) -> Option<[i64; N]> {
        let (mut field, mut found) = (0, [0; N]);
        while let Some(kind) = self.field(&mut field)? {
            let place = wanted.iter().position(|wanted| *wanted == field);
            match (place.and_then(|place| found.get_mut(place)), kind) {
                (Some(place), I32) => *place = self.number()?,
                _ => self.skip(kind, 1)?,
            }
        }
        Some(found)
    }

    fn skip(&mut self, kind: u8, depth: u32) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match kind {
            // Truths have their value in their kind.
            1 | 2 => Some(()),
            3 => self.bytes(1),
            4..=6 => self.unsigned().map(|_| ()),
            7 => self.bytes(8),
            8 => {
                let length = self.unsigned()?;
                self.bytes(usize::try_from(length).ok()?)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = match head >> 4 {
                    15 => self.unsigned()?,
                    few => u64::from(few),
                };
                // Truths in a list take a byte each.
                let kind = if matches!(head & 0x0F, 1 | 2) {
                    3
                } else {
                    head & 0x0F
                };
                for _ in 0..count {
                    self.skip(kind, depth + 1)?;
                }
                Some(())
            }
            STRUCT => {
                let mut field = 0;
                while let Some(kind) = self.field(&mut field)? {
                    self.skip(kind, depth + 1)?;
                }
                Some(())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of a data page of 5 packed bytes that says `unpacked` as zigzag.
    fn page(unpacked: &[u8]) -> Vec<u8> {
        let mut page = vec![0x15, 0x00, 0x15];
        page.extend_from_slice(unpacked);
        // The packed size, a struct with a truth and a text, and the end.
        page.extend_from_slice(&[0x15, 0x0A, 0x2C, 0x11, 0x18, 0x02, b'a', b'b', 0x00, 0x00]);
        page.extend_from_slice(&[9; 5]);
        page
    }

    #[test]
    fn pages_are_added_up() {
        let chunk = [page(&[0x14]), page(&[0xD0, 0x0F])].concat();
        let pages = sizes(&chunk, |_| true).expect("are pages");
        assert_eq!(
            (pages.total, pages.largest, pages.prefixed),
            (10 + 1000, 1000, false)
        );
        assert_eq!(sizes(&[], |_| true), Some(Pages::default()));
    }

    #[test]
    fn texts_with_common_beginnings_are_seen() {
        // Sizes, then a data page's header with three values in encoding 7.
        let page = [
            0x15, 0x00, 0x15, 0x14, 0x15, 0x00, 0x2C, 0x15, 0x06, 0x15, 0x0E, 0x00, 0x00,
        ];
        assert!(sizes(&page, |_| true).is_some_and(|pages| pages.prefixed));
    }

    #[test]
    fn what_is_no_page_is_none() {
        let whole = page(&[0x14]);
        for at in 1..whole.len() {
            assert_eq!(sizes(&whole[..at], |_| true), None, "{at}");
        }
        // A negative size.
        assert_eq!(sizes(&page(&[0x13]), |_| true), None);
    }
}
