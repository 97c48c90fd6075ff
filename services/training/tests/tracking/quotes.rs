//! A history in which the price decides, as ingestion would tell it. Deliberately made and not drawn: the
//! same in every run.

use std::ops::Range;

use proto::ingestion::{ColumnKind, OpenQuotes, Snapshot, SnapshotColumn, TargetField};

const REGIONS: [&str; 4] = ["North", "East", "South", "West"];

/// A number between 0 and 1 that looks like chance.
fn chance(row: usize, what: u64) -> f64 {
    // SplitMix64, by Steele, Lea and Flood.
    let mut z = (row as u64)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(what << 32);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

fn price(row: usize) -> f64 {
    (100.0 + 900.0 * chance(row, 1)).round()
}

fn won(row: usize) -> bool {
    let log_odds = (550.0 - price(row)) / 120.0;
    chance(row, 2) < 1.0 / (1.0 + (-log_odds).exp())
}

/// Which columns a snapshot has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// The one that decides, and one that does not.
    Both,
    /// Only the one that does not decide.
    Useless,
    /// Both, but the prices before the quote of this number are not the ones that decided.
    MisreadBefore(usize),
}

/// The quotes of these numbers, eight a day, the later the newer.
pub fn snapshot(rows: Range<usize>, columns: Columns) -> Snapshot {
    Snapshot {
        row_count: rows.len() as u32,
        outcomes: rows.clone().map(won).collect(),
        dates: rows.clone().map(day).collect(),
        row_keys: rows.clone().map(|row| row as u64 + 1).collect(),
        columns: column_list(rows, columns),
        ..Snapshot::default()
    }
}

/// The quotes of these numbers while they are open.
pub fn open(rows: Range<usize>) -> OpenQuotes {
    OpenQuotes {
        quote_refs: rows.clone().map(|row| format!("Q{row}")).collect(),
        dates: rows.clone().map(day).collect(),
        prices: rows.clone().map(price).collect(),
        columns: column_list(rows, Columns::Both),
    }
}

fn day(row: usize) -> i32 {
    19_000 + i32::try_from(row / 8).unwrap_or(0)
}

fn column_list(rows: Range<usize>, columns: Columns) -> Vec<SnapshotColumn> {
    let column = |name: &str, field: TargetField, kind: ColumnKind| SnapshotColumn {
        name: name.to_owned(),
        field: field as i32,
        kind: kind as i32,
        ..SnapshotColumn::default()
    };
    let region = SnapshotColumn {
        codes: rows
            .clone()
            .map(|row| (chance(row, 3) * 4.0) as u32)
            .collect(),
        levels: REGIONS.map(str::to_owned).to_vec(),
        ..column("Region", TargetField::Region, ColumnKind::Category)
    };
    let read = |row: usize| match columns {
        Columns::MisreadBefore(first) if row < first => 1_000.0 * chance(row, 4),
        _ => price(row),
    };
    let price = SnapshotColumn {
        numbers: rows.map(read).collect(),
        ..column("Price", TargetField::Price, ColumnKind::Number)
    };
    match columns {
        Columns::Both | Columns::MisreadBefore(_) => vec![price, region],
        Columns::Useless => vec![region],
    }
}
