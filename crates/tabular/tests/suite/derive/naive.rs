//! The definition of the derived features, read word by word and computed in the slowest way.
//!
//! Deliberately shares no code with the crate: names are compared as text, rows are looked at anew
//! for every quote, and only the rounding of logarithms is the same.

use chrono::{Datelike, Days, NaiveDate};
use tabular::QuoteFacts;

/// Which of two rows of one quote is newer, as far as that is defined.
fn rank(row: &QuoteFacts<'_>) -> (i64, Option<i32>, Option<bool>, i64) {
    let log = log(row.price).map_or(i64::MIN, |log| log);
    (row.revision.unwrap_or(0), row.day, row.outcome, log)
}

/// The logarithm of a price in parts of 2^-20; `None` where it has none.
pub fn log(price: Option<f64>) -> Option<i64> {
    let price = price.filter(|price| price.is_finite() && *price > 0.0)?;
    Some((price.ln() * 1_048_576.0).round() as i64)
}

fn name(text: Option<&str>) -> Option<String> {
    let text = text?.trim().to_lowercase();
    (!text.is_empty()).then_some(text)
}

fn reference<'a>(row: &QuoteFacts<'a>) -> Option<&'a str> {
    row.quote_ref.map(str::trim).filter(|text| !text.is_empty())
}

/// The rows that are, at the end of their day, the newest of their quote.
fn counting<'a>(rows: &[QuoteFacts<'a>]) -> Vec<QuoteFacts<'a>> {
    let dated = rows.iter().filter(|row| row.day.is_some());
    dated
        .filter(|row| {
            reference(row).is_none()
                || rows.iter().all(|other| {
                    reference(other) != reference(row)
                        || other.day.is_none()
                        || other.day > row.day
                        || rank(other) <= rank(row)
                })
        })
        .copied()
        .collect()
}

/// The rows of others that count before a day: all, and only the newest of each quote.
fn before<'a>(
    rows: &[QuoteFacts<'a>],
    quote: &QuoteFacts<'_>,
) -> (Vec<QuoteFacts<'a>>, Vec<QuoteFacts<'a>>) {
    let own = reference(quote);
    let all: Vec<_> = counting(rows)
        .into_iter()
        .filter(|row| row.day < quote.day && (own.is_none() || reference(row) != own))
        .collect();
    let newest = all.iter().filter(|row| {
        reference(row).is_none()
            || all
                .iter()
                .all(|other| reference(other) != reference(row) || rank(other) <= rank(row))
    });
    (all.clone(), newest.copied().collect())
}

/// The value of a feature; NaN where missing.
pub fn feature(rows: &[QuoteFacts<'_>], quote: &QuoteFacts<'_>, feature: &str) -> f64 {
    let value = compute(rows, quote, feature.trim_start_matches("derived."));
    value.filter(|v| v.is_finite()).unwrap_or(f64::NAN)
}

fn compute(rows: &[QuoteFacts<'_>], quote: &QuoteFacts<'_>, feature: &str) -> Option<f64> {
    let finite = |number: Option<f64>| number.filter(|number| number.is_finite());
    let positive = |number: Option<f64>| finite(number).filter(|number| *number > 0.0);
    let (price, list) = (finite(quote.price), positive(quote.list_price));
    let date = || {
        let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)?;
        let day = quote.day?;
        let distance = Days::new(u64::from(day.unsigned_abs()));
        if day < 0 {
            epoch.checked_sub_days(distance)
        } else {
            epoch.checked_add_days(distance)
        }
    };
    match feature {
        "margin" => {
            let price = positive(price)?;
            return Some((price - finite(quote.cost)?) / price);
        }
        "discount_share" => {
            if let Some(list) = list {
                return Some((list - price?) / list);
            }
            let (price, discount) = (price?, finite(quote.discount)?);
            return (price + discount > 0.0).then(|| discount / (price + discount));
        }
        "price_to_list" => return Some(price? / list?),
        "log_price" => return Some(positive(price)?.ln()),
        "log_quantity" => return Some(positive(quote.quantity)?.ln()),
        "price_to_customer_usual" => {
            let usual = compute(rows, quote, "customer_usual_price")?;
            return Some(positive(price)?.ln() - usual.ln());
        }
        "price_to_product_usual" => {
            let usual = compute(rows, quote, "product_usual_price")?;
            return Some(positive(price)?.ln() - usual.ln());
        }
        "month" => return Some(f64::from(date()?.month())),
        "quarter" => return Some(f64::from(date()?.month().div_ceil(3))),
        "weekday" => return Some(f64::from(date()?.weekday().number_from_monday())),
        "revision" => return Some(quote.revision? as f64),
        _ => {}
    }
    let day = f64::from(quote.day?);
    let of: fn(&QuoteFacts<'_>) -> Option<String> = match feature.split('_').next()? {
        "product" => |row| name(row.product),
        "owner" => |row| name(row.owner),
        _ => |row| name(row.customer),
    };
    let who = of(quote)?;
    // Without any day nobody knows what was earlier.
    rows.iter().find(|row| row.day.is_some())?;
    let (all, newest) = before(rows, quote);
    let mine: Vec<_> = newest
        .iter()
        .filter(|row| of(row).as_ref() == Some(&who))
        .collect();
    let days = || {
        let mine = all.iter().filter(|row| of(row).as_ref() == Some(&who));
        mine.filter_map(|row| row.day).map(f64::from)
    };
    match feature {
        "customer_quotes" | "product_quotes" | "owner_quotes" => Some(mine.len() as f64),
        "customer_win_rate" | "product_win_rate" | "owner_win_rate" => {
            let rate = |rows: &mut dyn Iterator<Item = Option<bool>>| {
                let decided: Vec<bool> = rows.flatten().collect();
                let wins = decided.iter().filter(|won| **won).count();
                (wins as f64, decided.len() as f64)
            };
            let (all_wins, all_decided) = rate(&mut newest.iter().map(|row| row.outcome));
            let (wins, decided) = rate(&mut mine.iter().map(|row| row.outcome));
            Some((wins + 10.0 * (all_wins / all_decided)) / (decided + 10.0))
        }
        "customer_usual_price" | "product_usual_price" => {
            let logs: Vec<i64> = mine.iter().filter_map(|row| log(row.price)).collect();
            let sum = logs.iter().sum::<i64>() as f64;
            Some((sum / 1_048_576.0 / logs.len() as f64).exp())
        }
        "days_since_last_quote" => Some(day - days().reduce(f64::max)?),
        "relation_days" => Some(days().reduce(f64::min).map_or(0.0, |first| day - first)),
        other => panic!("no definition of {other}"),
    }
}
