//! Rows of a file that are no data: titles above the table, the header once more, sums, notes below.
//!
//! Deliberately few and sure: a row is left out only for what stands in it, each is told, and what
//! is in doubt stays a row, where the rules find it.

use crate::cell::{Decimal, NumberFormat, is_missing, parse_number};

use super::table::Cells;
use super::{LeftOut, LeftOutKind, Native};

/// Longest text that is told of a row, in characters.
const MAX_TEXT_CHARS: usize = 120;

/// Longest cell that can be the name of a sum, in bytes.
const MAX_LABEL_BYTES: usize = 60;

/// The names of sums, lower case without accents and punctuation.
const SUMS: [&str; 44] = [
    "total",
    "totals",
    "grand total",
    "grand totals",
    "sub total",
    "subtotal",
    "subtotals",
    "sum",
    "sums",
    "overall total",
    "total sum",
    "report total",
    "total amount",
    "summe",
    "gesamt",
    "gesamtsumme",
    "gesamtergebnis",
    "zwischensumme",
    "endsumme",
    "summe gesamt",
    "insgesamt",
    "gesamt summe",
    "ergebnis",
    "teilergebnis",
    "total general",
    "totaux",
    "total ht",
    "somme",
    "sous total",
    "suma",
    "suma total",
    "totales",
    "total geral",
    "razem",
    "ogolem",
    "suma koncowa",
    "lacznie",
    "suma ogolem",
    "totale",
    "totale complessivo",
    "totaal",
    "eindtotaal",
    "合計",
    "総計",
];

impl LeftOut {
    pub(super) fn new(row: u32, kind: LeftOutKind, cells: Cells<'_>) -> Self {
        let filled: Vec<&str> = cells
            .iter()
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect();
        let text = filled.join(" | ");
        Self {
            row,
            kind,
            text: text.chars().take(MAX_TEXT_CHARS).collect(),
        }
    }
}

/// Whether a row is nothing but a line that is drawn with signs.
pub(super) fn is_drawn(cells: Cells<'_>) -> bool {
    let mut signs = cells.text.bytes().filter(|byte| *byte != b' ');
    cells.text.starts_with(['-', '=', '_', '+', '*', ' '])
        && cells.iter().any(|cell| cell.trim().len() >= 3)
        && signs.all(|byte| b"-=_+*:".contains(&byte))
}

/// Whether a row is a sum of those above: named so, with nothing but numbers behind, and with a gap
/// where the row before has a value, as a customer may be called "Total".
pub(super) fn is_sum<'a>(
    cells: Cells<'_>,
    natives: &[Native],
    before: impl Iterator<Item = &'a str>,
) -> bool {
    // A quick look first: nearly no row has both.
    let mut filled = cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| !is_missing(cell));
    let Some((at, label)) = filled.next() else {
        return false;
    };
    if natives
        .get(at)
        .is_some_and(|native| *native != Native::Text)
        || !is_sum_label(label)
    {
        return false;
    }
    let numbers = filled.all(|(column, cell)| match natives.get(column) {
        Some(Native::Numbers) => true,
        Some(Native::Dates | Native::Booleans) => false,
        _ => is_number(cell),
    });
    let mut mine = cells.iter();
    let gap = |before: &str| {
        let mine = mine.next().unwrap_or_default();
        is_missing(mine) && !is_missing(before)
    };
    let mut before = before;
    numbers && before.any(gap)
}

fn is_number(cell: &str) -> bool {
    [Decimal::Point, Decimal::Comma]
        .into_iter()
        .any(|decimal| parse_number(cell, &NumberFormat { decimal }).is_some())
}

fn is_sum_label(cell: &str) -> bool {
    let text = cell.trim();
    if text.len() > MAX_LABEL_BYTES {
        return false;
    }
    // "Grand Totals (500 records)", "Summe:", "** Razem".
    let text = text.split('(').next().unwrap_or_default();
    let word = |c: char| match c {
        'é' | 'è' | 'ê' => Some('e'),
        'ó' => Some('o'),
        'ł' => Some('l'),
        'ą' => Some('a'),
        'ń' => Some('n'),
        c if c.is_alphabetic() => Some(c),
        c if c.is_ascii_digit() => None,
        _ => Some(' '),
    };
    let plain: String = text.to_lowercase().chars().filter_map(word).collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    SUMS.contains(&plain.as_str())
}

/// Whether a row stands alone in its first or another cell with a sentence, as notes below a table do.
pub(super) fn is_note(cells: Cells<'_>, natives: &[Native], width: usize) -> bool {
    let mut filled = cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| !cell.trim().is_empty());
    let (Some((at, cell)), None) = (filled.next(), filled.next()) else {
        return false;
    };
    let is_text = natives.get(at).is_none_or(|native| *native == Native::Text);
    width >= 3 && is_text && cell.trim().contains(char::is_whitespace) && !is_number(cell)
}

/// Whether a row holds nothing but a few numbers, none of them in its first cell, as a sum without a
/// name at the end of a table does.
pub(super) fn is_bare_sum(cells: Cells<'_>, natives: &[Native], width: usize) -> bool {
    if cells.iter().next().is_some_and(|cell| !is_missing(cell)) {
        return false;
    }
    let mut filled = 0;
    for (column, cell) in cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| !is_missing(cell))
    {
        filled += 1;
        let is_sum = match natives.get(column) {
            Some(Native::Numbers) => true,
            Some(Native::Dates | Native::Booleans) => false,
            _ => is_number(cell),
        };
        if !is_sum || filled * 2 > width {
            return false;
        }
    }
    filled > 0 && width >= 3
}

/// Whether a row says the names of the columns once more.
pub(super) fn is_header(cells: Cells<'_>, names: &[String]) -> bool {
    let mut cells = cells.iter();
    let mut same = 0;
    for name in names {
        let cell = cells.next().unwrap_or_default().trim();
        if cell != name {
            return false;
        }
        same += usize::from(!name.is_empty());
    }
    same >= 2 && cells.all(|cell| cell.trim().is_empty())
}
