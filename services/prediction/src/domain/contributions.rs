//! What speaks for and against a quote, encoded. It is most of an answer, stands in it twice and is kept beside it, so it is
//! written once, straight from what was found, and its bytes are copied to wherever it stands: messages that are encoded one
//! behind the other are read as one, which protobuf promises. Deliberately nothing else of an answer.

use std::ops::Range;

use bytes::Bytes;
use prost::Message;
use proto::prediction::Prediction;

use crate::domain::fields::{Fields, ReadQuote, sentence};

/// Numbers of fields: of `Prediction`, and of `ContributionGroup`, whose first five are those of `Contribution`.
const CONTRIBUTIONS: usize = 9;
const GROUPS: usize = 20;
const COLUMN: usize = 1;
const VALUE: usize = 2;
const LOG_ODDS: usize = 3;
const POINTS: usize = 4;
const SENTENCE: usize = 5;
const PARTS: usize = 6;
/// Room for a contribution, in bytes.
const USUAL: usize = 160;

/// The fields of a prediction that tell its contributions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contributions {
    /// As they are told.
    told: Vec<u8>,
    /// As they are kept: the parts of groups are contributions that stand beside them in full, so their columns are enough.
    kept: Vec<u8>,
}

/// A contribution that is written.
struct Part {
    /// Where.
    whole: Range<usize>,
    /// The beginning of it that holds the column.
    column: Range<usize>,
}

/// Contributions that count to one column of the user's.
struct Group<'a> {
    column: &'a str,
    value: &'a str,
    log_odds: f64,
    points: f64,
    /// Of its largest part.
    reason: String,
    /// The largest first.
    parts: Vec<Part>,
}

impl Contributions {
    /// The contributions of a prediction, largest first, and by column of the user's, likewise.
    #[must_use]
    pub fn new(
        mut found: Vec<ml::Contribution>,
        fields: &Fields,
        quote: &ReadQuote,
        base_rate: f64,
    ) -> Self {
        found.sort_by(|a, b| b.log_odds.abs().total_cmp(&a.log_odds.abs()));
        let mut told = Vec::with_capacity(3 * USUAL * found.len());
        let mut one = Vec::with_capacity(USUAL);
        let mut groups: Vec<Group<'_>> = Vec::new();
        for part in &found {
            let reason = fields.reason(quote, &part.column, &part.value, base_rate);
            one.clear();
            put_text(&mut one, COLUMN, &part.column);
            let column = one.len();
            put_text(&mut one, VALUE, &part.value);
            put_number(&mut one, LOG_ODDS, part.log_odds);
            put_number(&mut one, POINTS, part.points);
            put_text(&mut one, SENTENCE, &sentence(&reason, part.points));
            put_bytes(&mut told, CONTRIBUTIONS, &one);
            let start = told.len() - one.len();
            let written = Part {
                whole: start..told.len(),
                column: start..start + column,
            };
            add(
                &mut groups,
                fields.group_of(&part.column),
                part,
                reason,
                written,
            );
        }
        groups.sort_by(|a, b| b.log_odds.abs().total_cmp(&a.log_odds.abs()));
        let mut kept = told.clone();
        for group in groups {
            one.clear();
            put_text(&mut one, COLUMN, group.column);
            put_text(&mut one, VALUE, group.value);
            put_number(&mut one, LOG_ODDS, group.log_odds);
            put_number(&mut one, POINTS, group.points);
            put_text(&mut one, SENTENCE, &sentence(&group.reason, group.points));
            let rest = one.len();
            for part in &group.parts {
                put_bytes(&mut one, PARTS, &told[part.column.clone()]);
            }
            put_bytes(&mut kept, GROUPS, &one);
            one.truncate(rest);
            for part in &group.parts {
                put_bytes(&mut one, PARTS, &told[part.whole.clone()]);
            }
            put_bytes(&mut told, GROUPS, &one);
        }
        Self { told, kept }
    }

    /// A prediction that was made without contributions, encoded: as it is told, and as it is kept.
    #[must_use]
    pub fn beside(&self, prediction: &Prediction) -> (Bytes, Bytes) {
        let rest = prediction.encode_to_vec();
        let with = |contributions: &[u8]| Bytes::from([&rest, contributions].concat());
        (with(&self.told), with(&self.kept))
    }
}

/// Counts a contribution to its column; of several the first is the largest.
fn add<'a>(
    groups: &mut Vec<Group<'a>>,
    column: &'a str,
    part: &'a ml::Contribution,
    reason: String,
    written: Part,
) {
    let at = groups.iter().position(|group| group.column == column);
    let at = at.unwrap_or_else(|| {
        groups.push(Group {
            column,
            value: &part.value,
            log_odds: 0.0,
            points: 0.0,
            reason,
            parts: Vec::new(),
        });
        groups.len() - 1
    });
    let group = &mut groups[at];
    group.log_odds += part.log_odds;
    group.points += part.points;
    if part.column == column {
        group.value = &part.value;
    }
    group.parts.push(written);
}

/// Writes a field that has a length.
fn put_bytes(into: &mut Vec<u8>, field: usize, bytes: &[u8]) {
    put_varint(into, field << 3 | 2);
    put_varint(into, bytes.len());
    into.extend_from_slice(bytes);
}

/// Writes a text; as in every message, an empty one is left out.
fn put_text(into: &mut Vec<u8>, field: usize, text: &str) {
    if !text.is_empty() {
        put_bytes(into, field, text.as_bytes());
    }
}

/// Writes a number; as in every message, zero is left out.
fn put_number(into: &mut Vec<u8>, field: usize, number: f64) {
    if number != 0.0 {
        put_varint(into, field << 3 | 1);
        into.extend_from_slice(&number.to_le_bytes());
    }
}

/// Writes a whole number in as few bytes as it takes, seven bits in each.
fn put_varint(into: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        into.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    into.push(number.to_le_bytes()[0]);
}

/// A prediction as it was told. Those of earlier versions were kept in full.
///
/// # Errors
/// Where the bytes are not those of a prediction.
pub fn kept_detail(bytes: &[u8]) -> Result<Prediction, prost::DecodeError> {
    let mut told = Prediction::decode(bytes)?;
    let all = &told.contributions;
    let parts = told
        .contribution_groups
        .iter_mut()
        .flat_map(|group| &mut group.parts);
    for part in parts.filter(|part| part.sentence.is_empty()) {
        if let Some(whole) = all.iter().find(|whole| whole.column == part.column) {
            part.clone_from(whole);
        }
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use ml::{ColumnKind, Role, SchemaColumn};
    use proto::{
        ingestion::TargetField,
        prediction::{self as pb, FieldValue, QuoteInput, field_value::Value},
        training::{InputColumn, InputSchema},
    };

    use super::*;

    fn found(column: &str, value: &str, log_odds: f64) -> ml::Contribution {
        ml::Contribution {
            column: column.to_owned(),
            value: value.to_owned(),
            log_odds,
            points: log_odds / 10.0,
        }
    }

    fn told(column: &str, value: &str, log_odds: f64, sentence: &str) -> pb::Contribution {
        pb::Contribution {
            column: column.to_owned(),
            value: value.to_owned(),
            log_odds,
            points: log_odds / 10.0,
            sentence: sentence.to_owned(),
        }
    }

    fn group(
        of: &pb::Contribution,
        points: &str,
        parts: &[&pb::Contribution],
    ) -> pb::ContributionGroup {
        let sum = |of: &dyn Fn(&pb::Contribution) -> f64| parts.iter().map(|part| of(part)).sum();
        pb::ContributionGroup {
            column: of.column.clone(),
            value: of.value.clone(),
            log_odds: sum(&|part| part.log_odds),
            points: sum(&|part| part.points),
            sentence: points.to_owned(),
            parts: parts.iter().map(|&part| part.clone()).collect(),
        }
    }

    /// Fields of which "deals" is derived from earlier quotes and counts to the customer.
    fn fields(long: &str) -> Fields {
        let column = |name: &str, kind| SchemaColumn {
            name: name.to_owned(),
            role: Role::Feature,
            kind,
            used: true,
        };
        let input = |name: &str, field: TargetField, derived: &str| InputColumn {
            name: name.to_owned(),
            field: field as i32,
            derived: derived.to_owned(),
            ..InputColumn::default()
        };
        Fields::new(
            &[
                column("Customer", ColumnKind::Category),
                column("deals", ColumnKind::Number),
                column(long, ColumnKind::Category),
            ],
            &InputSchema {
                columns: vec![
                    input("Customer", TargetField::Customer, ""),
                    input("deals", TargetField::Unspecified, "derived.customer_quotes"),
                    input(long, TargetField::Unspecified, ""),
                ],
            },
        )
    }

    #[test]
    fn what_is_told_and_what_is_kept_are_read_as_the_same() {
        let long = "x".repeat(300);
        let fields = fields(&long);
        let value = Some(Value::Text("ACME".to_owned()));
        let quote = QuoteInput {
            fields: [("Customer".to_owned(), FieldValue { value })].into(),
            ..QuoteInput::default()
        };
        let quote = fields.read(&quote).unwrap();
        let contributions = [
            found("Customer", "ACME", 0.5),
            found("deals", "(missing)", -2.0),
            found(&long, "", 0.0),
        ];
        let contributions = Contributions::new(contributions.to_vec(), &fields, &quote, 0.5);
        let deals = told("deals", "(missing)", -2.0, "deals missing: -20 points");
        let customer = told("Customer", "ACME", 0.5, "Customer ACME: +5 points");
        let other = told(&long, "", 0.0, &format!("{long} : no effect"));
        let rest = Prediction {
            id: "p".to_owned(),
            win_probability: 0.5,
            warnings: vec!["careful".to_owned()],
            as_of: "2026-11-27".to_owned(),
            ..Prediction::default()
        };
        let expected = Prediction {
            contribution_groups: vec![
                group(&customer, "deals missing: -15 points", &[&deals, &customer]),
                group(&other, &other.sentence, &[&other]),
            ],
            contributions: vec![deals, customer, other],
            ..rest.clone()
        };
        let (told, kept) = contributions.beside(&rest);
        assert_eq!(Prediction::decode(told).unwrap(), expected);
        assert_eq!(kept_detail(&kept).unwrap(), expected);
        let short = Prediction::decode(kept).unwrap();
        let parts = &short.contribution_groups[0].parts;
        assert_eq!(parts[0].column, "deals");
        assert!(parts.iter().all(|part| part.sentence.is_empty()));
    }

    #[test]
    fn what_was_kept_in_full_is_read_as_it_is() {
        let part = told("Price", "12", 1.0, "Price 12: +10 points");
        let told = Prediction {
            contribution_groups: vec![group(&part, &part.sentence, &[&part])],
            contributions: vec![part],
            ..Prediction::default()
        };
        assert_eq!(kept_detail(&told.encode_to_vec()).unwrap(), told);
    }
}
