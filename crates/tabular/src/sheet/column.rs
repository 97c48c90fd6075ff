//! The cells of one column, kept small: each different text once where texts repeat.
//!
//! Deliberately without meaning: two texts are alike when every byte is.

use std::collections::HashMap;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::Native;

/// Rows after which a column is judged for the first time, and again at every doubling.
const FIRST_JUDGED_ROWS: usize = 64 * 1024;

/// Texts one behind the other in one piece of memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Texts {
    text: String,
    // A push that would not fit into 32 bits is refused.
    ends: Vec<u32>,
}

impl Texts {
    /// Adds a text; false where the column would grow beyond 4 GiB.
    fn push(&mut self, text: &str) -> bool {
        let Ok(end) = u32::try_from(self.text.len() + text.len()) else {
            return false;
        };
        self.text.push_str(text);
        self.ends.push(end);
        true
    }

    fn get(&self, index: usize) -> &str {
        let Some(end) = self.ends.get(index) else {
            return "";
        };
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(0),
            None => 0,
        };
        self.text
            .get(start as usize..*end as usize)
            .unwrap_or_default()
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

/// Places in the different texts, as narrow as their number allows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Codes {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
}

impl Codes {
    fn push(&mut self, code: u32) {
        loop {
            match self {
                Self::U8(codes) => match u8::try_from(code) {
                    Ok(code) => return codes.push(code),
                    Err(_) => *self = Self::U16(codes.iter().copied().map(u16::from).collect()),
                },
                Self::U16(codes) => match u16::try_from(code) {
                    Ok(code) => return codes.push(code),
                    Err(_) => *self = Self::U32(codes.iter().copied().map(u32::from).collect()),
                },
                Self::U32(codes) => return codes.push(code),
            }
        }
    }

    fn get(&self, index: usize) -> Option<usize> {
        match self {
            Self::U8(codes) => codes.get(index).copied().map(usize::from),
            Self::U16(codes) => codes.get(index).copied().map(usize::from),
            Self::U32(codes) => codes.get(index).map(|code| *code as usize),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::U8(codes) => codes.len(),
            Self::U16(codes) => codes.len(),
            Self::U32(codes) => codes.len(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        (0..self.len()).map(|index| self.get(index).unwrap_or(0))
    }

    fn shrink(&mut self) {
        match self {
            Self::U8(codes) => codes.shrink_to_fit(),
            Self::U16(codes) => codes.shrink_to_fit(),
            Self::U32(codes) => codes.shrink_to_fit(),
        }
    }
}

/// How the cells are kept; which way depends on the cells alone, so equal columns are kept alike.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Store {
    /// The different texts in order of first appearance, and which of them each cell is.
    Coded { codes: Codes, texts: Texts },
    /// Every cell, where nearly all differ.
    Plain(Texts),
}

/// The cells of one column in one piece of memory.
///
/// Where texts repeat, each is kept once; [`Column::counts`] and [`Column::map`] then work per
/// different text instead of per cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    store: Store,
    native: Native,
}

impl Default for Column {
    fn default() -> Self {
        ColumnBuilder::default().finish(Native::Text)
    }
}

impl Column {
    /// The cell of a data row, counted from 0; empty beyond the end.
    pub fn get(&self, index: usize) -> &str {
        match &self.store {
            Store::Coded { codes, texts } => codes.get(index).map_or("", |code| texts.get(code)),
            Store::Plain(texts) => texts.get(index),
        }
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        match &self.store {
            Store::Coded { codes, .. } => codes.len(),
            Store::Plain(texts) => texts.len(),
        }
    }

    /// Whether there are no cells.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The different texts with their counts, in order of first appearance, exactly as they stood.
    pub fn counts(&self) -> Vec<(&str, u32)> {
        match &self.store {
            Store::Coded { codes, texts } => {
                let mut counts: Vec<(&str, u32)> = texts.iter().map(|text| (text, 0)).collect();
                for code in codes.iter() {
                    if let Some((_, count)) = counts.get_mut(code) {
                        *count += 1;
                    }
                }
                counts
            }
            Store::Plain(all) => {
                let mut places: HashMap<&str, usize, DefaultHashBuilder> = HashMap::default();
                let mut counts: Vec<(&str, u32)> = Vec::new();
                for text in all.iter() {
                    let place = *places.entry(text).or_insert(counts.len());
                    match counts.get_mut(place) {
                        Some((_, count)) => *count += 1,
                        None => counts.push((text, 1)),
                    }
                }
                counts
            }
        }
    }

    /// What `read` makes of every cell, calling it once per different text where the column knows
    /// which cells are alike.
    pub fn map<'a, T: Clone>(&'a self, mut read: impl FnMut(&'a str) -> T) -> Vec<T> {
        match &self.store {
            Store::Coded { codes, texts } => {
                let meanings: Vec<T> = texts.iter().map(read).collect();
                codes
                    .iter()
                    .filter_map(|code| meanings.get(code).cloned())
                    .collect()
            }
            Store::Plain(texts) => texts.iter().map(&mut read).collect(),
        }
    }

    /// What the file itself says the values are.
    pub fn native(&self) -> Native {
        self.native
    }

    /// The column with other cells in some rows; `cells` is sorted by row. What cannot be kept beyond
    /// 4 GiB is left as it was.
    pub(super) fn with_cells(&self, cells: &[(usize, String)]) -> Self {
        let mut builder = ColumnBuilder::default();
        let mut changed = cells.iter().peekable();
        for (row, before) in self.iter().enumerate() {
            let new = changed.next_if(|(at, _)| *at == row);
            if !builder.push(new.map_or(before, |(_, cell)| cell)) {
                return self.clone();
            }
        }
        // What was typed in by somebody is text.
        builder.finish(Native::Text)
    }

    /// Every cell from the first data row on, exactly as it stood.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }
}

/// A column while it is being filled.
#[derive(Debug)]
pub(super) struct ColumnBuilder {
    store: Store,
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
    judge_at: usize,
}

impl Default for ColumnBuilder {
    fn default() -> Self {
        Self {
            store: Store::Coded {
                codes: Codes::U8(Vec::new()),
                texts: Texts::default(),
            },
            places: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            judge_at: FIRST_JUDGED_ROWS,
        }
    }
}

impl ColumnBuilder {
    /// Adds a cell; false where the column would grow beyond 4 GiB.
    #[must_use]
    pub(super) fn push(&mut self, cell: &str) -> bool {
        let (codes, texts) = match &mut self.store {
            Store::Plain(texts) => return texts.push(cell),
            Store::Coded { codes, texts } => (codes, texts),
        };
        let hash = self.hasher.hash_one(cell);
        let known = self
            .places
            .find(hash, |code| texts.get(*code as usize) == cell);
        let code = match known {
            Some(code) => *code,
            None => {
                let Ok(code) = u32::try_from(texts.len()) else {
                    return false;
                };
                if !texts.push(cell) {
                    return false;
                }
                let hasher = &self.hasher;
                self.places.insert_unique(hash, code, |code| {
                    hasher.hash_one(texts.get(*code as usize))
                });
                code
            }
        };
        codes.push(code);
        if codes.len() == self.judge_at {
            return self.judge();
        }
        true
    }

    /// The cell that was added last; empty before the first.
    pub(super) fn last(&self) -> &str {
        match &self.store {
            Store::Plain(texts) => texts.len().checked_sub(1).map_or("", |at| texts.get(at)),
            Store::Coded { codes, texts } => {
                let at = codes.len().checked_sub(1).and_then(|at| codes.get(at));
                at.map_or("", |code| texts.get(code))
            }
        }
    }

    /// Gives the dictionary up where nearly all texts differ, since it then costs more than it saves.
    fn judge(&mut self) -> bool {
        self.judge_at = self.judge_at.saturating_mul(2);
        let Store::Coded { codes, texts } = &self.store else {
            return true;
        };
        if texts.len() < codes.len() / 3 * 2 {
            return true;
        }
        let mut plain = Texts::default();
        if !codes.iter().all(|code| plain.push(texts.get(code))) {
            return false;
        }
        self.store = Store::Plain(plain);
        self.places = HashTable::new();
        true
    }

    /// The finished column, without what was only needed for filling it.
    pub(super) fn finish(mut self, native: Native) -> Column {
        match &mut self.store {
            Store::Coded { codes, texts } => {
                codes.shrink();
                texts.shrink();
            }
            Store::Plain(texts) => texts.shrink(),
        }
        Column {
            store: self.store,
            native,
        }
    }
}
