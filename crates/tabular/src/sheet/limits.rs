//! What the caller decides about the reading of a file: limits, and answers to what the file leaves open.
//!
//! Deliberately nothing about the meaning of columns; that is [`crate::Stated`].

/// Largest content whatever the limits say: the text of a column is addressed with 32 bits, and
/// decoding makes at most three bytes of one.
const HARD_MAX_BYTES: usize = 1024 * 1024 * 1024;

/// Content that is never refused for its ratio alone, in bytes: small files of equal rows pack well.
const RATIO_FREE_BYTES: u64 = 1024 * 1024;

/// What a file may cost at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest file in bytes; never more than 1 GiB, whatever is set.
    pub max_bytes: usize,
    /// Most data rows.
    pub max_rows: usize,
    /// Most columns.
    pub max_columns: usize,
    /// Longest cell in bytes of UTF-8.
    pub max_cell_bytes: usize,
    /// Largest content of an archive, workbook or Parquet file in bytes once it is unpacked; never
    /// more than 1 GiB, whatever is set.
    pub max_expanded_bytes: usize,
    /// Most bytes that one byte of an archive, workbook or Parquet file may unpack to. The first
    /// MiB is free.
    pub max_expansion_ratio: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 256 * 1024 * 1024,
            max_rows: 1_000_000,
            max_columns: 500,
            max_cell_bytes: 32 * 1024,
            max_expanded_bytes: 1024 * 1024 * 1024,
            max_expansion_ratio: 200,
        }
    }
}

impl Limits {
    /// Allowed bytes of a file.
    pub(super) fn file_bytes(&self) -> usize {
        self.max_bytes.min(HARD_MAX_BYTES)
    }

    /// Allowed bytes of what a file of `packed` bytes unpacks to.
    pub(super) fn expanded_bytes(&self, packed: u64) -> u64 {
        let ratio = packed.saturating_mul(u64::from(self.max_expansion_ratio));
        (self.max_expanded_bytes.min(HARD_MAX_BYTES) as u64).min(ratio.max(RATIO_FREE_BYTES))
    }
}

/// How a file is read, where the caller wants it otherwise than the content suggests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// What the file may cost.
    pub limits: Limits,
    /// The sheet of a workbook, ignoring case; without it the one that looks most like a table.
    pub sheet: Option<String>,
    /// The encoding of text, for example `windows-1252`, `utf-8` or `cp850`; without it the
    /// content decides.
    pub encoding: Option<String>,
    /// What separates the cells of text; without it the content decides.
    pub delimiter: Option<char>,
    /// The row that names the columns, 0 for none; without it the content decides.
    pub header_row: Option<u32>,
}
