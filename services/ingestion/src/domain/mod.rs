//! The rules of quote histories, and the way between files, rows and the contract. Deliberately no
//! I/O: bytes, names and dates come in, values go out.

pub mod content;
pub mod inspect;
pub mod json;
pub mod key;
pub mod meaning;
pub mod plan;
pub mod quarantine;
pub mod query;
pub mod reading;
pub mod report;
pub mod rows;
pub mod snapshot;
pub mod stored;

use chrono::{Days, NaiveDate};

/// Longest name of a dataset, in characters.
const NAME_MAX: usize = 200;

/// Where a dataset is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Accepted; quotes are being stored.
    Importing,
    /// Ready for training.
    Ready,
    /// The import failed.
    Failed,
    /// Every import was undone.
    Empty,
}

impl State {
    /// The state as it is stored.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Importing => "importing",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Empty => "empty",
        }
    }

    /// The state as it was stored.
    #[must_use]
    pub fn of(text: &str) -> Self {
        match text {
            "ready" => Self::Ready,
            "failed" => Self::Failed,
            "empty" => Self::Empty,
            _ => Self::Importing,
        }
    }
}

/// The name of a dataset: the one given, or the file's without its folders. Only for showing.
#[must_use]
pub fn dataset_name(given: &str, file_name: &str) -> String {
    let file = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    [given, file]
        .into_iter()
        .map(shown)
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "untitled".to_owned())
}

fn shown(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control()).collect();
    let short: String = plain.trim().chars().take(NAME_MAX).collect();
    short.trim_end().to_owned()
}

/// The date of a day number, days since 1970-01-01.
#[must_use]
pub fn date_of(day: i32) -> NaiveDate {
    let days = Days::new(u64::from(day.unsigned_abs()));
    let epoch = NaiveDate::default();
    let date = if day < 0 {
        epoch.checked_sub_days(days)
    } else {
        epoch.checked_add_days(days)
    };
    date.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_for_showing_only() {
        assert_eq!(dataset_name(" Deals ", "x.csv"), "Deals");
        assert_eq!(dataset_name("", "../../etc/quo\u{0}tes.csv"), "quotes.csv");
        assert_eq!(dataset_name("\u{7}\n", "C:\\data\\q.csv"), "q.csv");
        assert_eq!(dataset_name("", "folder/"), "untitled");
        assert_eq!(dataset_name(&"n".repeat(300), "").chars().count(), 200);
    }

    #[test]
    fn days_are_counted_from_1970() {
        for text in ["1969-12-31", "1970-01-01", "2024-02-29", "1900-01-01"] {
            let date: NaiveDate = text.parse().unwrap();
            assert_eq!(date_of(tabular::cell::day_number(date)), date);
        }
    }

    #[test]
    fn states_survive_storage() {
        for state in [State::Importing, State::Ready, State::Failed] {
            assert_eq!(State::of(state.text()), state);
        }
    }
}
