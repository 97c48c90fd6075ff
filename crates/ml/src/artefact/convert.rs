//! Between models and their stored messages.
//!
//! Deliberately distrustful on the way in: every length and position is checked, so that damaged bytes end in
//! [`Error::CorruptArtefact`] and never in a panic later.

use super::numbers::{number_of, role_number, role_of, value_of};
use super::{boosted, caution, corrupt, messages};
use crate::Error;
use crate::encode::{
    Block, Coding, ColumnKind, Encoder, Keys, Origin, Scale, SchemaColumn, Seen, Slots,
};
use crate::history::{PriceBasis, PriceHistory};
use crate::linalg::Symmetric;
use crate::model::{Golden, Model};
use crate::table::{Column, MISSING_CODE, Table, Values};

const KINDS: [ColumnKind; 3] = [ColumnKind::Number, ColumnKind::Category, ColumnKind::Date];
const BASES: [PriceBasis; 3] = [PriceBasis::ListPrice, PriceBasis::Cost, PriceBasis::Price];

pub(super) fn message_of(model: &Model) -> messages::Model {
    let size = model.covariance.size;
    let columns = model
        .encoder
        .schema
        .iter()
        .zip(&model.encoder.seen)
        .map(|(c, seen)| messages::SchemaColumn {
            name: c.name.clone(),
            role: role_number(c.role),
            kind: number_of(&KINDS, &c.kind),
            used: c.used,
            range: if let Seen::Range(low, high) = seen {
                vec![*low, *high]
            } else {
                Vec::new()
            },
            levels: if let Seen::Levels(levels) = seen {
                levels.clone()
            } else {
                Vec::new()
            },
        });
    messages::Model {
        columns: columns.collect(),
        blocks: model.encoder.blocks.iter().map(block_message).collect(),
        means: model.encoder.means.clone(),
        weights: model.weights.clone(),
        covariance: (0..size)
            .flat_map(|r| {
                model.covariance.cells[r * size..=r * size + r]
                    .iter()
                    .copied()
            })
            .collect(),
        spreads: model.spreads.clone(),
        rows: model.rows as u64,
        wins: model.wins as u64,
        penalty: model.penalty,
        serves_base_rate: model.serves_base_rate,
        history: model.history.as_ref().map(|h| messages::History {
            basis: number_of(&BASES, &h.basis),
            edges: h.edges.clone(),
            quotes: h.quotes.clone(),
            won: h.won.clone(),
            quantiles: h.quantiles.to_vec(),
        }),
        notes: model.encoder.notes.clone(),
        golden_columns: model
            .golden
            .table
            .columns
            .iter()
            .map(golden_message)
            .collect(),
        golden_answers: model.golden.answers.iter().flatten().copied().collect(),
        schema_hash: model.schema_hash().to_vec(),
        blend: Some(boosted::blend_message(model)),
        boosted: model.boosted.as_ref().map(boosted::message_of),
        caution: model.caution.as_ref().map(caution::message_of),
    }
}

/// Kind of an origin and the columns it is computed from.
pub(super) fn origin_numbers(origin: Origin) -> (u32, u32, u32) {
    let (kind, first, second) = match origin {
        Origin::Column(at) => (0, at, 0),
        Origin::PriceOverList { price, list } => (1, price, list),
        Origin::LogPriceOverList { price, list } => (2, price, list),
        Origin::Margin { price, cost } => (3, price, cost),
        Origin::LogPriceOverReference { price, reference } => (4, price, reference),
    };
    (kind, first as u32, second as u32)
}

fn block_message(block: &Block) -> messages::Block {
    let (origin, first, second) = origin_numbers(block.origin);
    let mut message = messages::Block {
        origin,
        first,
        second,
        scale: None,
        slots: None,
    };
    match &block.coding {
        Coding::Scale(s) => {
            message.scale = Some(messages::Scale {
                log: s.log,
                mean: s.mean,
                deviation: s.deviation,
                low: s.low,
                high: s.high,
                zero_flag: s.zero_flag,
                missing_flag: s.missing_flag,
            });
        }
        Coding::Slots(s) => {
            let mut slots = messages::Slots {
                other: s.other,
                missing: s.missing,
                ..Default::default()
            };
            match &s.keys {
                Keys::Names(names) => slots.names.clone_from(names),
                Keys::Numbers(numbers) => (slots.keys, slots.numbers) = (1, numbers.clone()),
                Keys::Months(parts) => (slots.keys, slots.parts) = (2, parts.clone()),
                Keys::Weekdays(parts) => (slots.keys, slots.parts) = (3, parts.clone()),
            }
            message.slots = Some(slots);
        }
    }
    message
}

fn golden_message(column: &Column) -> messages::GoldenColumn {
    let mut message = messages::GoldenColumn::default();
    for row in 0..column.values.len() {
        let known = match &column.values {
            Values::Number(v) => {
                message
                    .numbers
                    .push(if v[row].is_nan() { 0.0 } else { v[row] });
                !v[row].is_nan()
            }
            Values::Category { codes, levels } => {
                let text = levels.get(codes[row] as usize).cloned();
                message.texts.push(text.clone().unwrap_or_default());
                text.is_some()
            }
            Values::Date(v) => {
                message.days.push(v[row].unwrap_or_default());
                v[row].is_some()
            }
        };
        if !known {
            message.missing.push(row as u32);
        }
    }
    message
}

pub(super) fn model_of(message: messages::Model) -> Result<Model, Error> {
    let (mut schema, mut seen) = (Vec::new(), Vec::new());
    for c in &message.columns {
        let (role, kind) = (role_of(c.role)?, value_of(&KINDS, c.kind)?);
        schema.push(SchemaColumn {
            name: c.name.clone(),
            role,
            kind,
            used: c.used,
        });
        seen.push(match (c.range.as_slice(), c.levels.is_empty()) {
            (&[low, high], true) => Seen::Range(low, high),
            (&[], false) => Seen::Levels(c.levels.clone()),
            _ => Seen::Nothing,
        });
    }
    let (mut blocks, mut width) = (Vec::new(), 1);
    for b in message.blocks {
        let block = Block {
            origin: origin_of(b.origin, b.first, b.second, schema.len())?,
            start: width,
            coding: coding_of(b)?,
        };
        width += block.width();
        blocks.push(block);
    }
    let fits = message.weights.len() == width
        && message.means.len() == width
        && message.spreads.len() == blocks.len()
        && message.wins <= message.rows
        && message.rows > 0
        && message.covariance.len() == width * (width + 1) / 2;
    if !fits {
        return Err(corrupt("its parts have lengths that do not fit together"));
    }
    let (blend, calibration, falling) = boosted::blend_of(message.blend.as_ref())?;
    let boosted = message
        .boosted
        .map(|b| boosted::ensemble_of(b, schema.len()))
        .transpose()?;
    if blend.weights[1] > 0.0 && boosted.is_none() {
        return Err(corrupt("its boosted part is missing"));
    }
    let golden = golden_of(&schema, &message.golden_columns, &message.golden_answers)?;
    let model = Model {
        covariance: covariance_of(width, &message.covariance),
        encoder: Encoder {
            schema,
            seen,
            blocks,
            width,
            means: message.means,
            notes: message.notes,
        },
        weights: message.weights,
        spreads: message.spreads,
        rows: message.rows as usize,
        wins: message.wins as usize,
        penalty: message.penalty,
        boosted,
        blend,
        calibration,
        falling,
        serves_base_rate: message.serves_base_rate,
        caution: message
            .caution
            .map(|c| caution::caution_of(c, width))
            .transpose()?,
        history: message.history.map(history_of).transpose()?,
        golden,
    };
    if model.schema_hash().as_slice() != message.schema_hash {
        return Err(corrupt("its columns are not the ones it was written with"));
    }
    Ok(model)
}

fn covariance_of(width: usize, lower: &[f64]) -> Symmetric {
    let mut covariance = Symmetric::zeros(width);
    let mut from = 0;
    for row in 0..width {
        covariance.cells[row * width..=row * width + row]
            .copy_from_slice(&lower[from..=from + row]);
        from += row + 1;
    }
    covariance
}

pub(super) fn origin_of(
    kind: u32,
    first: u32,
    second: u32,
    columns: usize,
) -> Result<Origin, Error> {
    let (first, second) = (first as usize, second as usize);
    if first >= columns || second >= columns {
        return Err(corrupt("a block belongs to no column"));
    }
    match kind {
        0 => Ok(Origin::Column(first)),
        1 => Ok(Origin::PriceOverList {
            price: first,
            list: second,
        }),
        2 => Ok(Origin::LogPriceOverList {
            price: first,
            list: second,
        }),
        3 => Ok(Origin::Margin {
            price: first,
            cost: second,
        }),
        4 => Ok(Origin::LogPriceOverReference {
            price: first,
            reference: second,
        }),
        _ => Err(corrupt("a block has an unknown origin")),
    }
}

fn coding_of(block: messages::Block) -> Result<Coding, Error> {
    match (block.scale, block.slots) {
        (Some(s), None) if s.low <= s.high && s.deviation > 0.0 => Ok(Coding::Scale(Scale {
            log: s.log,
            mean: s.mean,
            deviation: s.deviation,
            low: s.low,
            high: s.high,
            zero_flag: s.zero_flag,
            missing_flag: s.missing_flag,
        })),
        (None, Some(s)) => {
            let keys = match s.keys {
                0 => Keys::Names(s.names),
                1 => Keys::Numbers(s.numbers),
                2 => Keys::Months(s.parts),
                3 => Keys::Weekdays(s.parts),
                _ => return Err(corrupt("a block has unknown levels")),
            };
            Ok(Coding::Slots(Slots {
                keys,
                other: s.other,
                missing: s.missing,
            }))
        }
        _ => Err(corrupt("a block has no usable coding")),
    }
}

fn history_of(h: messages::History) -> Result<PriceHistory, Error> {
    let bins = h.quotes.len();
    let quantiles = <[f64; 4]>::try_from(h.quantiles)
        .map_err(|_| corrupt("its price history lacks quantiles"))?;
    if bins == 0 || h.won.len() != bins || h.edges.len() != bins + 1 {
        return Err(corrupt(
            "its price history has bins that do not fit together",
        ));
    }
    Ok(PriceHistory {
        basis: value_of(&BASES, h.basis)?,
        edges: h.edges,
        quotes: h.quotes,
        won: h.won,
        quantiles,
    })
}

fn golden_of(
    schema: &[SchemaColumn],
    columns: &[messages::GoldenColumn],
    answers: &[f64],
) -> Result<Golden, Error> {
    if columns.len() != schema.len() || !answers.len().is_multiple_of(3) {
        return Err(corrupt("its check rows do not fit its columns"));
    }
    let column = |(c, stored): (&SchemaColumn, &messages::GoldenColumn)| {
        let missing = |row: usize| stored.missing.contains(&(row as u32));
        let values = match c.kind {
            ColumnKind::Number => {
                let cell = |(row, &x): (usize, &f64)| if missing(row) { f64::NAN } else { x };
                Values::Number(stored.numbers.iter().enumerate().map(cell).collect())
            }
            ColumnKind::Category => {
                let mut levels = stored.texts.clone();
                levels.sort();
                levels.dedup();
                let code = |text: &String| {
                    levels
                        .binary_search(text)
                        .map_or(MISSING_CODE, |at| at as u32)
                };
                let cell = |(row, text)| {
                    if missing(row) {
                        MISSING_CODE
                    } else {
                        code(text)
                    }
                };
                Values::Category {
                    codes: stored.texts.iter().enumerate().map(cell).collect(),
                    levels,
                }
            }
            ColumnKind::Date => {
                let cell = |(row, &day): (usize, &i32)| (!missing(row)).then_some(day);
                Values::Date(stored.days.iter().enumerate().map(cell).collect())
            }
        };
        Column::new(c.name.clone(), c.role, values)
    };
    let table = Table {
        columns: schema.iter().zip(columns).map(column).collect(),
    };
    let answers = answers
        .chunks_exact(3)
        .map(|a| [a[0], a[1], a[2]])
        .collect();
    Ok(Golden { table, answers })
}
