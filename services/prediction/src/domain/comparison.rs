//! Past quotes of a model beside a new one: which resemble it, and what they support.
//! Deliberately the quotes as the model's training kept them, whatever has become of their dataset.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate};
use ml::{PastQuotes, Role, Similar, Support, Values};
use proto::prediction as pb;

use crate::{
    Error,
    domain::fields::{Fields, ReadQuote},
};

/// Most past quotes that are shown beside a quote.
pub const SIMILAR_MAX: u32 = 20;
/// Past quotes that are shown where nothing else is asked for.
pub const SIMILAR_USUAL: u32 = 5;
const SECONDS_A_DAY: i64 = 86_400;

/// The past quotes of a model, ready to be compared with.
#[derive(Debug)]
pub struct Comparison {
    /// The quotes themselves.
    pub quotes: PastQuotes,
    /// What they support.
    pub support: Support,
    similar: Similar,
}

impl Comparison {
    /// Prepares past quotes; their columns weigh what they, and what is computed from them, are worth to the model.
    ///
    /// # Errors
    /// Where the bytes are no past quotes.
    pub fn new(bytes: &[u8], fields: &Fields) -> Result<Self, Error> {
        let quotes = PastQuotes::from_bytes(bytes)?;
        let mut worth: BTreeMap<&str, f64> = BTreeMap::new();
        for (column, value) in &quotes.worth {
            *worth.entry(fields.group_of(column)).or_default() += value.max(0.0);
        }
        let columns = quotes.table.columns.iter();
        let weights: Vec<f64> = columns
            .map(|column| worth.get(column.name.as_str()).copied().unwrap_or(0.0))
            .collect();
        Ok(Self {
            similar: Similar::new(&quotes.table, &weights)?,
            support: Support::new(&quotes),
            quotes,
        })
    }

    /// About how many bytes it takes in memory: the quotes, and once more as they are compared.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        2 * self.quotes.size_bytes()
    }

    /// The past quotes nearest to a quote, which is left out itself.
    ///
    /// # Errors
    /// Where a column is of another kind than it was.
    pub fn nearest(
        &self,
        fields: &Fields,
        quote: &ReadQuote,
        quote_ref: &str,
        count: usize,
    ) -> Result<Vec<pb::SimilarQuote>, Error> {
        let own = fields.quote_name(quote, quote_ref);
        let is_own = |row: usize| {
            let name = self.quotes.names.get(row).map(|name| name.trim());
            own.is_some() && name == own
        };
        let table = fields.table(std::slice::from_ref(quote));
        let found = self.similar.nearest(&table, 0, count, &is_own)?;
        let text = |table: &ml::Table, column: &str, row: usize| {
            let column = table.column(column);
            column.map_or_else(String::new, |column| column.values.text(row))
        };
        let message = |neighbour: ml::Neighbour| {
            let row = neighbour.row;
            let differences = neighbour.differing.into_iter();
            pb::SimilarQuote {
                quote_id: self.quotes.names.get(row).cloned().unwrap_or_default(),
                won: self.quotes.won[row],
                date: self
                    .quotes
                    .days
                    .get(row)
                    .map(|day| date(*day))
                    .unwrap_or_default(),
                price: self.price(row),
                distance: neighbour.distance,
                differences: differences
                    .map(|differing| pb::FieldDifference {
                        value: text(&table, &differing.column, 0),
                        past_value: text(&self.quotes.table, &differing.column, row),
                        distance: differing.distance,
                        column: differing.column,
                    })
                    .collect(),
            }
        };
        Ok(found.into_iter().map(message).collect())
    }

    fn price(&self, row: usize) -> Option<f64> {
        let mut columns = self.quotes.table.columns.iter();
        let price = columns.find(|column| column.role == Role::Price)?;
        match &price.values {
            Values::Number(numbers) => Some(numbers[row]).filter(|price| !price.is_nan()),
            _ => None,
        }
    }
}

/// A day as `YYYY-MM-DD`; empty where it is out of range.
#[must_use]
pub fn date(day: i32) -> String {
    let at = DateTime::from_timestamp(i64::from(day) * SECONDS_A_DAY, 0);
    at.map(|at| at.date_naive().to_string()).unwrap_or_default()
}

/// The number of a day.
#[must_use]
pub fn day(date: NaiveDate) -> i32 {
    tabular::cell::day_number(date)
}
