//! Why a column moves a prediction, in words: "price 8 % above this customer's usual", and to which column of the user's it
//! belongs. Deliberately plain where there is nothing to compare with.

use proto::ingestion::TargetField;
use tabular::DerivedFeature;

use super::{Cell, Fields, ReadQuote};

/// A price closer than this to another is about the same.
const ABOUT_THE_SAME: f64 = 0.005;

/// What a derived feature tells about.
pub(super) fn subject(feature: DerivedFeature) -> TargetField {
    use DerivedFeature as D;
    match feature {
        D::Margin
        | D::DiscountShare
        | D::PriceToList
        | D::LogPrice
        | D::PriceToCustomerUsual
        | D::PriceToProductUsual
        | D::CustomerUsualPrice
        | D::ProductUsualPrice => TargetField::Price,
        D::LogQuantity => TargetField::Quantity,
        D::CustomerQuotes | D::CustomerWinRate | D::DaysSinceLastQuote | D::RelationDays => {
            TargetField::Customer
        }
        D::ProductQuotes | D::ProductWinRate => TargetField::Product,
        D::OwnerQuotes | D::OwnerWinRate => TargetField::Owner,
        D::Month | D::Quarter | D::Weekday => TargetField::Date,
        D::Revision => TargetField::Revision,
    }
}

impl Fields {
    /// What speaks for or against a quote in a column; `value` is the column's, readable, and `base_rate` the share of all
    /// past quotes that were won.
    #[must_use]
    pub fn reason(&self, quote: &ReadQuote, column: &str, value: &str, base_rate: f64) -> String {
        let Some(at) = self.place(column) else {
            return [column, " ", value].concat();
        };
        let field = &self.0[at];
        let own = |target| number(self.cell(quote, target));
        let plain = || match value {
            "(missing)" => [column, " missing"].concat(),
            value => [column, " ", value].concat(),
        };
        match field.derived {
            Some(feature) => self
                .derived_reason(quote, at, feature, base_rate)
                .unwrap_or_else(plain),
            None if field.target == TargetField::Price => {
                let against = own(TargetField::Price).zip(own(TargetField::ListPrice));
                let against = against
                    .and_then(|(price, list)| compared(column, price, list, "the list price"));
                against.unwrap_or_else(plain)
            }
            None => plain(),
        }
    }

    fn derived_reason(
        &self,
        quote: &ReadQuote,
        at: usize,
        feature: DerivedFeature,
        base_rate: f64,
    ) -> Option<String> {
        use DerivedFeature as D;
        let value = number(quote.cells.get(at))?;
        let rate = |who: &str| {
            let (won, average) = (whole(100.0 * value), whole(100.0 * base_rate));
            format!("{who}'s earlier quotes won at {won} % against {average} % of all")
        };
        let counted = |what: &str, whose: &str| match value {
            0.0 => format!("first quote {whose}"),
            1.0 => format!("1 earlier {what} {whose}"),
            n => format!("{} earlier {what}s {whose}", whole(n)),
        };
        let usual = |whose: &str| {
            let price = number(self.cell(quote, TargetField::Price))?;
            let name = self.price_column().unwrap_or("price");
            compared(name, price, value, &format!("this {whose}'s usual"))
        };
        match feature {
            D::CustomerUsualPrice => usual("customer"),
            D::ProductUsualPrice => usual("product"),
            D::CustomerWinRate => Some(rate("this customer")),
            D::ProductWinRate => Some(rate("this product")),
            D::OwnerWinRate => Some(rate("this owner")),
            D::CustomerQuotes => Some(counted("quote", "to this customer")),
            D::ProductQuotes => Some(counted("quote", "of this product")),
            D::OwnerQuotes => Some(counted("quote", "by this owner")),
            D::DaysSinceLastQuote => Some(format!(
                "{} days since the last quote to this customer",
                whole(value)
            )),
            D::RelationDays if value == 0.0 => Some("new customer".to_owned()),
            D::RelationDays => Some(format!(
                "{} days since the first quote to this customer",
                whole(value)
            )),
            D::LogQuantity => {
                let quantity = number(self.cell(quote, TargetField::Quantity))?;
                Some(format!("{} {quantity}", self.0[at].group))
            }
            _ => None,
        }
    }
}

/// A price against another one; nothing where there is nothing to compare.
fn compared(name: &str, price: f64, with: f64, what: &str) -> Option<String> {
    let apart = price / with - 1.0;
    let known = price > 0.0 && with > 0.0 && apart.is_finite();
    known.then(|| match apart {
        x if x.abs() < ABOUT_THE_SAME => format!("{name} about {what}"),
        x if x > 0.0 => format!("{name} {} % above {what}", whole(100.0 * x)),
        x => format!("{name} {} % below {what}", whole(-100.0 * x)),
    })
}

/// A reason with its effect: whole points, tenths below one.
#[must_use]
pub fn sentence(reason: &str, points: f64) -> String {
    let points = 100.0 * points;
    let sign = if points < 0.0 { ": -" } else { ": +" };
    match whole(10.0 * points.abs()) {
        // What would be written as zero, of either sign.
        0 => [reason, ": no effect"].concat(),
        tenths @ 1..=9 => [reason, sign, "0.", &tenths.to_string(), " points"].concat(),
        _ => match whole(points.abs()) {
            1 => [reason, sign, "1 point"].concat(),
            more => [reason, sign, &more.to_string(), " points"].concat(),
        },
    }
}

/// The nearest whole number: an integer is written in less than half of the time that a fraction without places takes.
fn whole(number: f64) -> i64 {
    number.round_ties_even() as i64
}

fn number(cell: Option<&Cell>) -> Option<f64> {
    match cell {
        Some(Cell::Number(number)) => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_compared_in_percent() {
        let told = |price, with| compared("Price", price, with, "this customer's usual");
        assert_eq!(
            told(108.0, 100.0).unwrap(),
            "Price 8 % above this customer's usual"
        );
        assert_eq!(
            told(88.0, 100.0).unwrap(),
            "Price 12 % below this customer's usual"
        );
        assert_eq!(
            told(100.4, 100.0).unwrap(),
            "Price about this customer's usual"
        );
        assert_eq!(told(0.0, 100.0), None);
        assert_eq!(told(1.0, f64::NAN), None);
    }

    #[test]
    fn effects_are_points() {
        let told = |points| sentence("Price 8 % above this customer's usual", points);
        assert_eq!(
            told(-0.0613),
            "Price 8 % above this customer's usual: -6 points"
        );
        assert!(told(0.01).ends_with(": +1 point"));
        assert!(told(0.0042).ends_with(": +0.4 points"));
        assert!(told(-0.0001).ends_with(": no effect"));
    }
}
