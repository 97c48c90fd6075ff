//! Why two predictions differ: the same quote is answered in all eight combinations of fields, day and model of the two,
//! and the differences are shared out. Deliberately no storage: it is given what was kept.

use std::{collections::BTreeMap, slice::from_ref};

use ml::{Answered, Effect, Model, Share, split_difference};
use proto::prediction::{self as pb, Prediction, QuoteInput};
use tabular::History;

use crate::{
    Error,
    domain::fields::{Fields, Past, ReadQuote},
};

/// How far a repeated answer may be from the one that was kept.
const TOLERANCE: f64 = 1e-9;
/// Columns that a sentence names.
const COLUMNS_TOLD: usize = 3;
/// Stands for what a model expects of any quote.
const AVERAGE: &str = "(average quote)";

/// One of the two predictions, as it was kept.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The prediction.
    pub prediction: Prediction,
    /// The quote as it was sent.
    pub quote: QuoteInput,
    /// Day of quotes that state none.
    pub as_of: i32,
    /// What it was given of earlier quotes; nothing where that was not kept yet.
    pub derived: Option<String>,
}

/// A model that can answer.
#[derive(Debug, Clone, Copy)]
pub struct Answerer<'a> {
    /// The model.
    pub model: &'a Model,
    /// How its columns are read.
    pub fields: &'a Fields,
    /// What derived features are computed from.
    pub history: &'a History,
}

/// Explains the difference between two predictions, each with the model that made it.
///
/// # Errors
/// `NotRepeatable` where a model does not answer as it did, `NotComparable` where it cannot read the other's quote.
pub fn explain(
    kept: [&Kept; 2],
    models: [Answerer<'_>; 2],
) -> Result<pb::ExplainDifferenceResponse, Error> {
    let mut states: [Answered; 8] = Default::default();
    let mut values = [BTreeMap::new(), BTreeMap::new()];
    for (place, state) in states.iter_mut().enumerate() {
        let [data, time, model] = [0, 1, 2].map(|bit| place >> bit & 1);
        let (answered, cells) = answer(kept[data], kept[time], models[model], place)?;
        *state = answered;
        match place {
            0 => values[0] = cells,
            7 => values[1] = cells,
            _ => {}
        }
    }
    for (place, kept) in [(0, kept[0]), (7, kept[1])] {
        let again = 1.0 / (1.0 + (-states[place].log_odds()).exp());
        if (again - kept.prediction.win_probability).abs() > TOLERANCE {
            return Err(Error::NotRepeatable(kept.prediction.id.clone()));
        }
    }
    let [data, time, model] = split_difference(&states);
    let [from, to] = kept;
    let (one, other) = (&from.prediction, &to.prediction);
    let same_model = one.model_id == other.model_id;
    let mut answer = pb::ExplainDifferenceResponse {
        total: Some(pb::DifferencePart {
            log_odds: states[7].log_odds() - states[0].log_odds(),
            points: other.win_probability - one.win_probability,
        }),
        data: Some(cause("The quote's own fields", &data, &values)),
        time: Some(cause(
            "What time brought (calendar and earlier quotes)",
            &time,
            &values,
        )),
        model: Some(cause("Another model", &model, &values)),
        from: Some(one.clone()),
        to: Some(other.clone()),
        notes: Vec::new(),
    };
    if same_model && let Some(model) = &mut answer.model {
        model.sentence = "The same model answered both times: no effect".to_owned();
    }
    if one.quote_ref != other.quote_ref {
        let note = format!(
            "The predictions are of quotes with different names, \"{}\" and \"{}\".",
            one.quote_ref, other.quote_ref
        );
        answer.notes.push(note);
    }
    Ok(answer)
}

/// The answer to one kept quote as of the day of another, and the readable values behind it.
fn answer(
    data: &Kept,
    time: &Kept,
    by: Answerer<'_>,
    place: usize,
) -> Result<(Answered, BTreeMap<String, String>), Error> {
    let fields = by.fields;
    let read = |kept: &Kept| fields.read(&kept.quote).map_err(not_comparable);
    let mut quote = read(data)?;
    if !std::ptr::eq(data, time) {
        fields.set_date(&mut quote, &read(time)?);
    }
    match &data.derived {
        // The two predictions themselves are taken as they were.
        Some(derived) if place == 0 || place == 7 => fields.set_derived(&mut quote, derived)?,
        _ => derive(fields, &mut quote, data, time.as_of, by.history),
    }
    let predicted = by.model.predict(&fields.table(from_ref(&quote)))?;
    let predicted = predicted.into_iter().next().ok_or(Error::NoQuote)?;
    let mut answered = Answered {
        base_log_odds: predicted.base_log_odds,
        columns: BTreeMap::new(),
    };
    let mut values = BTreeMap::new();
    for part in predicted.contributions {
        let group = fields.group_of(&part.column).to_owned();
        if group == part.column {
            values.insert(group.clone(), part.value);
        }
        *answered.columns.entry(group).or_default() += part.log_odds;
    }
    Ok((answered, values))
}

fn derive(fields: &Fields, quote: &mut ReadQuote, data: &Kept, today: i32, history: &History) {
    fields.derive(quote, &data.quote.quote_ref, &Past { history, today });
}

fn not_comparable(problem: Error) -> Error {
    Error::NotComparable(Box::new(problem))
}

fn part(effect: Effect) -> Option<pb::DifferencePart> {
    Some(pb::DifferencePart {
        log_odds: effect.log_odds,
        points: effect.points,
    })
}

fn cause(what: &str, share: &Share, values: &[BTreeMap<String, String>; 2]) -> pb::DifferenceCause {
    let value = |side: usize, column: &str| values[side].get(column).cloned().unwrap_or_default();
    let mut columns: Vec<pb::ColumnDifference> = share
        .columns
        .iter()
        .map(|(column, effect)| pb::ColumnDifference {
            column: column.clone(),
            from_value: value(0, column),
            to_value: value(1, column),
            part: part(*effect),
        })
        .collect();
    if share.base != Effect::default() {
        columns.push(pb::ColumnDifference {
            column: AVERAGE.to_owned(),
            part: part(share.base),
            ..pb::ColumnDifference::default()
        });
    }
    let size = |column: &pb::ColumnDifference| {
        column.part.as_ref().map_or(0.0, |part| part.log_odds.abs())
    };
    columns.sort_by(|a, b| size(b).total_cmp(&size(a)));
    let told: Vec<&str> = columns
        .iter()
        .take(COLUMNS_TOLD)
        .map(|c| c.column.as_str())
        .collect();
    let reason = match told.as_slice() {
        [] => what.to_owned(),
        told => format!("{what}, mostly {}", told.join(", ")),
    };
    pb::DifferenceCause {
        total: part(share.total),
        sentence: super::fields::sentence(&reason, share.total.points),
        columns,
    }
}
