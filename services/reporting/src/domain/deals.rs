//! Decided quotes as a win/loss analysis counts them: who won, when, and in which groups.
//!
//! Made of a dataset's snapshot. Deliberately not here: counting, and anything that a model would learn.

use proto::ingestion::{ColumnKind, Snapshot, SnapshotColumn, TargetField};

use super::text;

/// Bands that prices are cut into, each with about as many quotes.
const PRICE_BANDS: usize = 5;
/// Stands for a missing category in a snapshot.
const MISSING: u32 = u32::MAX;

/// Decided quotes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deals {
    /// Whether each was won.
    pub won: Vec<bool>,
    /// Day of each, counted from 1970-01-01; empty where the history has no dates.
    pub days: Vec<i32>,
    /// The ways in which they fall into groups.
    pub dimensions: Vec<Dimension>,
}

/// A way in which quotes fall into groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    /// Header of the column.
    pub name: String,
    /// Group of each quote as an index into the names; beyond them where it has none.
    pub codes: Vec<u32>,
    /// Names of the groups.
    pub groups: Vec<String>,
    /// Whether the groups have an order of their own.
    pub ordered: bool,
}

impl Deals {
    /// Reads a snapshot; columns of another length than the outcomes are left out.
    #[must_use]
    pub fn read(snapshot: Snapshot) -> Self {
        let quotes = snapshot.outcomes.len();
        let dimensions = snapshot
            .columns
            .into_iter()
            .filter_map(dimension)
            .filter(|dimension| dimension.codes.len() == quotes);
        Self {
            dimensions: dimensions.collect(),
            days: if snapshot.dates.len() == quotes {
                snapshot.dates
            } else {
                Vec::new()
            },
            won: snapshot.outcomes,
        }
    }
}

fn dimension(column: SnapshotColumn) -> Option<Dimension> {
    match (column.field(), column.kind()) {
        (TargetField::Price, ColumnKind::Number) => Some(bands(column.name, &column.numbers)),
        (
            TargetField::Customer
            | TargetField::Product
            | TargetField::Region
            | TargetField::Owner
            | TargetField::Segment
            | TargetField::Currency
            | TargetField::Feature,
            ColumnKind::Category,
        ) => Some(Dimension {
            name: column.name,
            codes: column.codes,
            groups: column.levels,
            ordered: false,
        }),
        _ => None,
    }
}

/// Cuts prices where a fifth of them, two fifths and so on lie below; equal cuts become one.
fn bands(name: String, prices: &[f64]) -> Dimension {
    let mut sorted: Vec<f64> = prices.iter().copied().filter(|p| p.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let mut cuts: Vec<f64> = (1..PRICE_BANDS)
        .filter_map(|band| sorted.get(sorted.len() * band / PRICE_BANDS).copied())
        .collect();
    cuts.dedup();
    // Nothing lies below the smallest price.
    cuts.retain(|cut| sorted.first().is_some_and(|least| cut > least));
    let band = |price: &f64| {
        if price.is_finite() {
            let below = cuts.iter().filter(|cut| price >= *cut).count();
            u32::try_from(below).unwrap_or(MISSING)
        } else {
            MISSING
        }
    };
    Dimension {
        name,
        codes: prices.iter().map(band).collect(),
        groups: band_names(&cuts),
        ordered: true,
    }
}

fn band_names(cuts: &[f64]) -> Vec<String> {
    let (Some(first), Some(last)) = (cuts.first(), cuts.last()) else {
        return vec!["all prices".to_owned()];
    };
    let between = cuts.windows(2).map(|ends| {
        format!(
            "{} to below {}",
            text::amount(ends[0]),
            text::amount(ends[1])
        )
    });
    std::iter::once(format!("below {}", text::amount(*first)))
        .chain(between)
        .chain(std::iter::once(format!("from {}", text::amount(*last))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_fall_into_bands_of_about_equal_size() {
        let prices: Vec<f64> = (0..100).map(f64::from).chain([f64::NAN]).collect();
        let found = bands("Price".to_owned(), &prices);
        assert_eq!(
            found.groups,
            [
                "below 20",
                "20 to below 40",
                "40 to below 60",
                "60 to below 80",
                "from 80"
            ]
        );
        for band in 0..5 {
            assert_eq!(found.codes.iter().filter(|code| **code == band).count(), 20);
        }
        assert_eq!(found.codes[100], MISSING);
    }

    #[test]
    fn equal_prices_are_one_band() {
        let found = bands("Price".to_owned(), &[5.0; 10]);
        assert_eq!((found.groups.len(), found.codes[0]), (1, 0));
        let mostly = bands(
            "Price".to_owned(),
            &[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 3.0],
        );
        assert_eq!(mostly.groups, ["below 2", "from 2"]);
    }
}
