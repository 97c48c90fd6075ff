//! Which quotes a list shows, in which order, and where its next page begins. Deliberately no SQL.

use chrono::NaiveDate;
use proto::ingestion as pb;
use uuid::Uuid;

use crate::Error;

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By date, newest first.
    Newest,
    /// By date, oldest first.
    Oldest,
    /// By price, dearest first.
    Dearest,
    /// By price, cheapest first.
    Cheapest,
    /// By row in the file.
    Row,
}

impl Order {
    /// The order that a caller asks for.
    #[must_use]
    pub fn of(order: pb::QuoteOrder) -> Self {
        match order {
            pb::QuoteOrder::Unspecified | pb::QuoteOrder::Newest => Self::Newest,
            pb::QuoteOrder::Oldest => Self::Oldest,
            pb::QuoteOrder::Dearest => Self::Dearest,
            pb::QuoteOrder::Cheapest => Self::Cheapest,
            pb::QuoteOrder::Row => Self::Row,
        }
    }
}

/// What a list is sorted by, at the last quote of the page before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// By date.
    Day(NaiveDate),
    /// By price in hundredths.
    Price(i64),
    /// By row.
    Row(i32),
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteQuery {
    /// Whose quotes.
    pub dataset_id: Uuid,
    /// Outcome: `Some(None)` for open ones.
    pub outcome: Option<Option<bool>>,
    /// Least price in hundredths.
    pub price_min: Option<i64>,
    /// Greatest price in hundredths.
    pub price_max: Option<i64>,
    /// First day.
    pub from: Option<NaiveDate>,
    /// Last day.
    pub to: Option<NaiveDate>,
    /// Customer.
    pub customer: Option<String>,
    /// Product.
    pub product: Option<String>,
    /// Identifiers from the first text on, below the second.
    pub ref_range: Option<(String, Option<String>)>,
    /// The order.
    pub order: Order,
    /// The last quote of the page before.
    pub after: Option<(Cursor, Uuid)>,
    /// Most quotes of the page.
    pub limit: i64,
}

impl QuoteQuery {
    /// The page that a caller asks for.
    ///
    /// # Errors
    /// Where a date or the page token is malformed.
    pub fn parse(
        dataset_id: Uuid,
        filter: pb::QuoteFilter,
        order: pb::QuoteOrder,
        page_token: &str,
        limit: i64,
    ) -> Result<Self, Error> {
        let order = Order::of(order);
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(Self {
            dataset_id,
            outcome: match filter.outcome() {
                pb::Outcome::Unspecified => None,
                pb::Outcome::Won => Some(Some(true)),
                pb::Outcome::Lost => Some(Some(false)),
                pb::Outcome::Open => Some(None),
            },
            price_min: filter.price_minor_min,
            price_max: filter.price_minor_max,
            from: parse_day("quoted_from", &filter.quoted_from)?,
            to: parse_day("quoted_to", &filter.quoted_to)?,
            customer: text(&filter.customer),
            product: text(&filter.product),
            ref_range: text(&filter.quote_ref_prefix).map(|prefix| {
                let end = prefix_end(&prefix);
                (prefix, end)
            }),
            order,
            after: parse_token(order, page_token)?,
            limit,
        })
    }
}

fn parse_day(what: &'static str, text: &str) -> Result<Option<NaiveDate>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| malformed(what, text, "write it as YYYY-MM-DD"))
}

/// The smallest text behind every text with this prefix, by code points; `None` where there is none.
fn prefix_end(prefix: &str) -> Option<String> {
    let mut letters: Vec<char> = prefix.chars().collect();
    while let Some(last) = letters.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            letters.push(next);
            return Some(letters.into_iter().collect());
        }
    }
    None
}

/// The token behind a quote.
#[must_use]
pub fn token(order: Order, day: NaiveDate, price_minor: i64, row: i32, id: Uuid) -> String {
    match order {
        Order::Newest | Order::Oldest => format!("{day}_{id}"),
        Order::Dearest | Order::Cheapest => format!("{price_minor}_{id}"),
        Order::Row => format!("{row}_{id}"),
    }
}

fn parse_token(order: Order, token: &str) -> Result<Option<(Cursor, Uuid)>, Error> {
    if token.is_empty() {
        return Ok(None);
    }
    let parsed = token.rsplit_once('_').and_then(|(value, id)| {
        let value = match order {
            Order::Newest | Order::Oldest => Cursor::Day(value.parse().ok()?),
            Order::Dearest | Order::Cheapest => Cursor::Price(value.parse().ok()?),
            Order::Row => Cursor::Row(value.parse().ok()?),
        };
        Some((value, Uuid::try_parse(id).ok()?))
    });
    parsed.map(Some).ok_or_else(|| {
        let remedy = "send next_page_token of the answer before, with the same order, or nothing";
        malformed("page_token", token, remedy)
    })
}

fn malformed(what: &'static str, value: &str, remedy: &'static str) -> Error {
    Error::Platform(platform::Error::Malformed {
        what,
        value: value.chars().take(80).collect(),
        remedy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_lead_back_to_where_they_were_made() {
        let (day, id) = (
            NaiveDate::from_ymd_opt(2024, 2, 29).unwrap(),
            Uuid::now_v7(),
        );
        for (order, cursor) in [
            (Order::Newest, Cursor::Day(day)),
            (Order::Cheapest, Cursor::Price(-5)),
            (Order::Row, Cursor::Row(7)),
        ] {
            let token = token(order, day, -5, 7, id);
            assert_eq!(parse_token(order, &token).unwrap(), Some((cursor, id)));
        }
        for bad in ["x", "2024-02-29", "2024-02-29_x", &format!("12_{id}")] {
            assert!(parse_token(Order::Newest, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_prefix_is_a_range() {
        assert_eq!(prefix_end("Q-1").as_deref(), Some("Q-2"));
        assert_eq!(prefix_end("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(prefix_end("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(prefix_end("\u{10ffff}"), None);
    }

    #[test]
    fn a_query_says_what_is_malformed() {
        let filter = pb::QuoteFilter {
            quoted_from: "31.01.2024".to_owned(),
            ..Default::default()
        };
        let refused = QuoteQuery::parse(Uuid::nil(), filter, pb::QuoteOrder::Unspecified, "", 50)
            .unwrap_err();
        assert!(refused.to_string().contains("quoted_from"), "{refused}");
    }
}
