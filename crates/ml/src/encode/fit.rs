//! Fitting an encoder: which columns are kept, how each is coded, and what is said about the rest.
//!
//! Deliberately blind to outcomes and to anything but the rows it is given; callers pass training rows only.

use std::collections::BTreeMap;

use super::numbers::{discount_follows, scale, skewness};
use super::{Block, Bound, Coding, ColumnKind, Encoder, Keys, Origin, SchemaColumn, Seen, Slots};
use crate::calendar;
use crate::table::{Column, MISSING_CODE, Role, Table, Values};

/// Whole-number features with at most this many distinct values are coded as categories.
const FEW_DISTINCT: usize = 12;
/// The most frequent levels of a column that get a column of their own.
const MOST_LEVELS: usize = 500;
/// One in this many quotes must have a price and its reference for the two to be compared.
const REFERENCE_SHARE: usize = 10;
/// Shortest span of dates, in days, over which months are seasons and not a trend.
const SEASONS_FROM_DAYS: i32 = 330;

impl Encoder {
    /// Fits an encoder on the rows of `table`, which is valid and not empty.
    pub fn fit(table: &Table) -> Self {
        let mut encoder = Self {
            schema: table.columns.iter().map(schema_column).collect(),
            seen: table.columns.iter().map(|c| seen(&c.values)).collect(),
            blocks: Vec::new(),
            width: 1,
            means: Vec::new(),
            notes: Vec::new(),
        };
        let rows = table.rows();
        let least = least_count(rows);
        let mut refused = Vec::new();
        for (at, column) in table.columns.iter().enumerate() {
            let coded = match &column.values {
                _ if column.role == Role::Discount && discount_follows(table, column) => {
                    Err("it follows from price and list price, which the model uses".to_owned())
                }
                // Price and ratio imply it; a block of its own changed the log loss by less than 0.0001 on the
                // generated quotes of `tests/references.rs`.
                Values::Number(_) if column.role == Role::ReferencePrice => {
                    Err("too few quotes have both it and a price".to_owned())
                }
                Values::Number(v) => code_number(v, column.role, least),
                Values::Category { codes, levels } => code_names(codes, levels, least),
                Values::Date(v) => code_days(v, least),
            };
            match coded {
                Ok(codings) => codings
                    .into_iter()
                    .for_each(|c| encoder.push(Origin::Column(at), c)),
                Err(why) => refused.push((at, why)),
            }
        }
        encoder.push_derived(table, least);
        for block in &encoder.blocks {
            encoder.schema[block.origin.source()].used = true;
            // A list price without a block of its own still counts where a ratio needs it.
            encoder.schema[block.origin.yardstick()].used = true;
        }
        for (at, why) in refused
            .into_iter()
            .filter(|(at, _)| !encoder.schema[*at].used)
        {
            encoder.notes.push(format!(
                "Column {:?} is not used: {why}.",
                encoder.schema[at].name
            ));
        }
        encoder.note_folded(table);
        encoder.fit_means(table);
        encoder
    }

    fn push(&mut self, origin: Origin, coding: Coding) {
        let block = Block {
            origin,
            start: self.width,
            coding,
        };
        self.width += block.width();
        self.blocks.push(block);
    }

    fn push_derived(&mut self, table: &Table, least: usize) {
        let Some(price) = self.position(Role::Price) else {
            return;
        };
        let mut origins = Vec::new();
        if let Some(list) = self.position(Role::ListPrice) {
            origins.push(Origin::PriceOverList { price, list });
            origins.push(Origin::LogPriceOverList { price, list });
        }
        if let Some(cost) = self.position(Role::Cost) {
            origins.push(Origin::Margin { price, cost });
        }
        // Each is known from the second quote of a customer or product on only.
        let references = (0..self.schema.len())
            .filter(|&c| self.schema[c].role == Role::ReferencePrice)
            .map(|reference| Origin::LogPriceOverReference { price, reference });
        let origins = origins.into_iter().map(|o| (o, 2));
        let origins = origins.chain(references.map(|o| (o, REFERENCE_SHARE)));
        for (origin, share) in origins.collect::<Vec<_>>() {
            let columns = table.columns.iter().map(|c| Some(&c.values)).collect();
            let numbers = Bound {
                columns,
                rows: table.rows(),
            }
            .numbers(origin);
            let known = numbers.iter().filter(|x| !x.is_nan()).count();
            if let Some(scale) =
                scale(&numbers, false, least).filter(|_| known * share >= table.rows())
            {
                self.push(origin, Coding::Scale(scale));
            }
        }
    }

    fn note_folded(&mut self, table: &Table) {
        for block in &self.blocks {
            if let (
                Coding::Slots(Slots {
                    keys: Keys::Names(keys),
                    other: true,
                    ..
                }),
                Origin::Column(at),
            ) = (&block.coding, block.origin)
            {
                let name = &table.columns[at].name;
                self.notes.push(format!(
                    "Column {name:?}: {} levels are told apart, rarer ones share the level \"other\".",
                    keys.len()
                ));
            }
        }
    }

    fn fit_means(&mut self, table: &Table) {
        // Zero while encoding: no training row needs a stand-in except for the few without a level of their own.
        self.means = vec![0.0; self.width];
        let columns = table.columns.iter().map(|c| Some(&c.values)).collect();
        let encoded = self.apply(&Bound {
            columns,
            rows: table.rows(),
        });
        self.means = encoded.rows.means();
        let mut unknown = vec![0usize; self.blocks.len()];
        encoded
            .unknown
            .iter()
            .for_each(|&(_, block)| unknown[block] += 1);
        for (block, missing) in self.blocks.iter().zip(unknown) {
            let share = table.rows() as f64 / (table.rows() - missing).max(1) as f64;
            self.means[block.start..block.start + block.width()]
                .iter_mut()
                .for_each(|m| *m *= share);
        }
    }
}

/// Fewest training rows for which a level or flag gets a column of its own.
fn least_count(rows: usize) -> usize {
    if rows >= 500 { 5 } else { 3 }
}

fn schema_column(column: &Column) -> SchemaColumn {
    let kind = match column.values {
        Values::Number(_) => ColumnKind::Number,
        Values::Category { .. } => ColumnKind::Category,
        Values::Date(_) => ColumnKind::Date,
    };
    SchemaColumn {
        name: column.name.clone(),
        role: column.role,
        kind,
        used: false,
    }
}

fn seen(values: &Values) -> Seen {
    let range = |numbers: &mut dyn Iterator<Item = f64>| {
        let (low, high) = numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| {
            (l.min(x), h.max(x))
        });
        if low <= high {
            Seen::Range(low, high)
        } else {
            Seen::Nothing
        }
    };
    match values {
        Values::Number(v) => range(&mut v.iter().copied().filter(|x| !x.is_nan())),
        Values::Date(v) => range(&mut v.iter().flatten().map(|&d| f64::from(d))),
        Values::Category { codes, levels } => {
            let mut names: Vec<String> = count_codes(codes)
                .into_keys()
                .map(|c| levels[c as usize].clone())
                .collect();
            names.sort();
            names.dedup();
            if names.is_empty() {
                Seen::Nothing
            } else {
                Seen::Levels(names)
            }
        }
    }
}

fn count_codes(codes: &[u32]) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    for &code in codes.iter().filter(|&&c| c != MISSING_CODE) {
        *counts.entry(code).or_insert(0) += 1;
    }
    counts
}

fn code_number(v: &[f64], role: Role, least: usize) -> Result<Vec<Coding>, String> {
    let mut known: Vec<f64> = v.iter().copied().filter(|x| !x.is_nan()).collect();
    known.sort_by(f64::total_cmp);
    let (Some(&low), Some(&high)) = (known.first(), known.last()) else {
        return Err("it has no values".to_owned());
    };
    if low == high && known.len() == v.len() {
        return Err("it always has the same value".to_owned());
    }
    let whole = known.iter().all(|x| x.fract() == 0.0);
    let mut distinct = known.clone();
    distinct.dedup();
    if role == Role::Feature && whole {
        let running = distinct.len() == v.len() && high - low < 2.0 * v.len() as f64;
        if running && v.len() > FEW_DISTINCT {
            return Err("it is a running number".to_owned());
        }
        if distinct.len() <= FEW_DISTINCT && distinct.len() * 10 <= v.len() {
            return code_levels(&known, v.len(), least);
        }
    }
    let money = matches!(role, Role::Price | Role::ListPrice | Role::Cost);
    let log = low >= 0.0 && (money || skewness(&known) > 1.0);
    let scale = scale(v, log, least).ok_or("it hardly varies")?;
    Ok(vec![Coding::Scale(scale)])
}

fn code_levels(sorted: &[f64], rows: usize, least: usize) -> Result<Vec<Coding>, String> {
    let mut keys = Vec::new();
    let mut folded = 0;
    for run in sorted.chunk_by(|a, b| a == b) {
        if run.len() >= least {
            // Adding zero turns -0.0 into 0.0, so that look-ups by total order agree.
            keys.push(run[0] + 0.0);
        } else {
            folded += run.len();
        }
    }
    slots(Keys::Numbers(keys), folded, rows - sorted.len(), least)
}

fn code_names(codes: &[u32], levels: &[String], least: usize) -> Result<Vec<Coding>, String> {
    let counts = count_codes(codes);
    let known: usize = counts.values().sum();
    if counts.len() > FEW_DISTINCT && counts.len() * 2 > known {
        return Err(
            "nearly every row has a value of its own, as in a number or name of the quote"
                .to_owned(),
        );
    }
    let mut frequent: Vec<(usize, &str)> = counts
        .iter()
        .map(|(&c, &n)| (n, levels[c as usize].as_str()))
        .collect();
    frequent.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    let kept = frequent
        .iter()
        .take(MOST_LEVELS)
        .take_while(|(n, _)| *n >= least)
        .count();
    let folded = frequent[kept..].iter().map(|(n, _)| n).sum();
    let mut keys: Vec<String> = frequent[..kept]
        .iter()
        .map(|(_, name)| (*name).to_owned())
        .collect();
    keys.sort();
    slots(Keys::Names(keys), folded, codes.len() - known, least)
}

fn slots(keys: Keys, folded: usize, missing: usize, least: usize) -> Result<Vec<Coding>, String> {
    let slots = Slots {
        keys,
        other: folded > 0,
        missing: missing >= least,
    };
    if slots.keys.len() + usize::from(slots.other) + usize::from(slots.missing) < 2 {
        return Err("it hardly varies".to_owned());
    }
    Ok(vec![Coding::Slots(slots)])
}

fn code_days(v: &[Option<i32>], least: usize) -> Result<Vec<Coding>, String> {
    let days: Vec<i32> = v.iter().flatten().copied().collect();
    let (Some(first), Some(last)) = (days.iter().min(), days.iter().max()) else {
        return Err("it has no values".to_owned());
    };
    let missing = v.len() - days.len();
    let frequent = |part: fn(i32) -> u32| {
        let mut counts = BTreeMap::new();
        days.iter()
            .for_each(|&d| *counts.entry(part(d)).or_insert(0usize) += 1);
        counts
            .into_iter()
            .filter(|(_, n)| *n >= least)
            .map(|(k, _)| k)
            .collect()
    };
    let mut codings = Vec::new();
    if last.saturating_sub(*first) >= SEASONS_FROM_DAYS {
        codings.extend(
            slots(Keys::Months(frequent(calendar::month)), 0, missing, least).unwrap_or_default(),
        );
    }
    codings.extend(
        slots(
            Keys::Weekdays(frequent(calendar::weekday)),
            0,
            missing,
            least,
        )
        .unwrap_or_default(),
    );
    if codings.is_empty() {
        return Err("its months and weekdays do not vary enough".to_owned());
    }
    Ok(codings)
}
