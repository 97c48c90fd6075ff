//! The price report: how the chance of winning follows the price, what wins left on the table, and which discounts bought
//! nothing.
//!
//! Everything in it is an association in past quotes and no experiment. Deliberately no advice for single open quotes, which
//! comes with their predictions.

mod content;
mod curves;
mod discounts;
mod left;

use chrono::{DateTime, Utc};
use ml::Model;
use proto::ingestion::TargetField;

pub use content::{
    Curve, Discount, Left, LeftGroup, LeftQuote, Point, PriceContent, Reason, Verdict,
};
pub use discounts::{LEAST_EFFECT, LEAST_QUOTES};
pub use left::FAR;

use super::{insights, quotes::Decided};

/// What a price report is made of.
#[derive(Debug, Clone)]
pub struct PriceFacts {
    /// Id of the dataset.
    pub dataset_id: String,
    /// Its name; may be empty.
    pub dataset_name: String,
    /// Id of the model.
    pub model_id: String,
    /// The decided quotes.
    pub decided: Decided,
}

/// The columns by which curves, money left and discounts are told apart.
const BY: [TargetField; 3] = [
    TargetField::Segment,
    TargetField::Product,
    TargetField::Region,
];

/// Writes the report.
///
/// # Errors
/// Where the model cannot read the quotes.
pub fn analyse(
    facts: &PriceFacts,
    model: &Model,
    now: DateTime<Utc>,
) -> Result<PriceContent, ml::Error> {
    let name = facts.dataset_name.trim();
    let groups: Vec<_> = BY
        .iter()
        .filter_map(|field| facts.decided.columns.groups(*field))
        .collect();
    let mut content = PriceContent {
        title: match name {
            "" => "Price report".to_owned(),
            name => format!("Price report: {name}"),
        },
        generated_at: now,
        dataset_id: facts.dataset_id.clone(),
        model_id: facts.model_id.clone(),
        insights: Vec::new(),
        quotes: facts.decided.won.len(),
        won: facts.decided.won.iter().filter(|won| **won).count(),
        price_is_monotone: model.price_is_monotone(),
        serves_base_rate: model.serves_base_rate(),
        curves: curves::curves(&facts.decided, model, &groups)?,
        left: left::left(&facts.decided, model, groups.first())?,
        discounts: discounts::discounts(&facts.decided, &groups),
        discount_column: discounts::header(&facts.decided),
    };
    content.insights = insights::price::all(&content);
    Ok(content)
}
