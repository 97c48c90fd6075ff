//! From quotes in any order to the rows that count, in the order of days.
//!
//! Deliberately independent of the given order, so that the same quotes give the same bytes.

use super::history::Core;
use super::index::KeyIndex;
use super::own::log_parts;
use super::series::{NO_LOG, Postings, Quotes};
use super::{QuoteFacts, key};

/// More rows than any machine this runs on could hold; later ones are not taken.
pub(super) const MAX_ROWS: usize = i32::MAX as usize;

/// One dated row. The order of the fields is the order in which rows of one quote replace each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    quote: Option<u64>,
    day: i32,
    revision: i64,
    outcome: u8,
    log: i32,
    entities: [Option<u64>; 3],
}

/// Sorts rows, drops those that never count, and groups the others.
pub(super) fn core<'a>(quotes: impl Iterator<Item = QuoteFacts<'a>>) -> Core {
    let mut rows: Vec<Row> = quotes
        .filter_map(|quote| row(&quote))
        .take(MAX_ROWS)
        .collect();
    rows.sort_unstable();
    keep_counting(&mut rows);
    rows.sort_unstable_by_key(|row| (row.day, *row));
    let mut core = Core::default();
    let mut quotes: Vec<(u64, u32)> = Vec::new();
    for (place, row) in (0u32..).zip(&rows) {
        if core.days.last() != Some(&row.day) {
            core.days.push(row.day);
            core.starts.push(place);
        }
        quotes.extend(row.quote.map(|key| (key, place)));
    }
    core.starts.push(rows.len() as u32);
    quotes.sort_unstable();
    core.quote_keys = KeyIndex::new(quotes.iter().map(|(key, _)| *key).collect());
    core.quote_places = quotes.iter().map(|(_, place)| *place).collect();
    core.quotes = Quotes {
        logs: rows.iter().map(|row| row.log).collect(),
        outcomes: rows.iter().map(|row| row.outcome).collect(),
    };
    core.postings = [0, 1, 2].map(|kind| {
        let places = (0u32..).zip(&rows);
        let pairs = places.filter_map(|(place, row)| Some((row.entities[kind]?, place)));
        Postings::group(pairs.collect())
    });
    core
}

fn row(quote: &QuoteFacts<'_>) -> Option<Row> {
    Some(Row {
        quote: key::of_quote(quote.quote_ref),
        day: quote.day?,
        revision: quote.revision.unwrap_or(0),
        outcome: quote.outcome.map_or(0, |won| 1 + u8::from(won)),
        log: log_parts(quote.price).unwrap_or(NO_LOG),
        entities: [quote.customer, quote.product, quote.owner].map(key::of_name),
    })
}

/// Keeps of each quote and day the newest row, and that only where no earlier one is newer.
fn keep_counting(rows: &mut Vec<Row>) {
    let mut kept = 0;
    for at in 0..rows.len() {
        let row = rows[at];
        let next = rows.get(at + 1);
        let replaced_today = row.quote.is_some()
            && next.is_some_and(|next| (next.quote, next.day) == (row.quote, row.day));
        let outdated = row.quote.is_some()
            && kept > 0
            && rows[kept - 1].quote == row.quote
            && rows[kept - 1].revision > row.revision;
        if !replaced_today && !outdated {
            rows[kept] = row;
            kept += 1;
        }
    }
    rows.truncate(kept);
}
