//! What tells a quote apart in every snapshot that it is in, so that models can be compared on quotes that
//! neither has learned from. Deliberately no identity of a row in the database, which a later import
//! of the same file would change.

use sha2::{Digest as _, Sha256};
use tabular::{FrameColumn, Values};

use super::content::Rows;

/// The keys of rows: of the identifier and the day, or of the content where there is no identifier.
/// The day belongs to it because two files may number their quotes alike.
#[must_use]
pub fn of(content: &impl Rows, rows: &[usize]) -> Vec<u64> {
    let mut columns: Vec<&FrameColumn> = content.frame().columns.iter().collect();
    // Files may have their columns in any order.
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    rows.iter()
        .map(|row| key(content, &columns, *row))
        .collect()
}

fn key(content: &impl Rows, columns: &[&FrameColumn], row: usize) -> u64 {
    let frame = content.frame();
    let mut hash = Sha256::new();
    if let Some(dates) = &frame.dates {
        hash.update(dates[row].to_le_bytes());
    }
    match content.quote_ref(row) {
        Some(quote_ref) => {
            hash.update(b"named");
            hash.update(quote_ref);
        }
        None => {
            hash.update(b"nameless");
            hash.update([u8::from(frame.outcomes[row] == tabular::Outcome::Won)]);
            for column in columns {
                update(&mut hash, column, row);
            }
        }
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    u64::from_le_bytes(first)
}

/// What is missing says nothing, so that a column that came later changes no key.
fn update(hash: &mut Sha256, column: &FrameColumn, row: usize) {
    let mut tell = |cell: &[u8]| {
        for part in [column.name.as_bytes(), cell] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    };
    match &column.values {
        Values::Numbers(numbers) if numbers[row].is_finite() => {
            tell(&numbers[row].to_bits().to_le_bytes());
        }
        Values::Numbers(_) => {}
        Values::Codes { codes, levels } => {
            if let Some(level) = levels.get(codes[row] as usize) {
                tell(level.as_bytes());
            }
        }
        Values::Days(days) => {
            if let Some(day) = days[row] {
                tell(&day.to_le_bytes());
            }
        }
    }
}
