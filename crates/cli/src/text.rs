//! Words and numbers as people read them: widths, wrapping, percentages, times, durations.
//! Deliberately plain: one character counts as one column.

use chrono::{DateTime, Utc};
use proto::common::Interval;

/// Columns that a text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.chars().count()
}

/// The text without characters that could steer a terminal or break a line.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The text cut to a width, with an ellipsis where something is missing.
#[must_use]
pub fn shorten(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(room.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// The text in lines of at most `room` columns, broken at spaces where there are any.
#[must_use]
pub fn wrap(text: &str, room: usize) -> Vec<String> {
    let room = room.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        let gap = usize::from(used > 0);
        if used + gap + word.len() > room && used > 0 {
            lines.push(String::new());
            used = 0;
        }
        while word.len() > room {
            let rest = word.split_off(room);
            push(&mut lines, &word);
            lines.push(String::new());
            word = rest;
        }
        if used > 0 {
            push(&mut lines, &[' ']);
            used += 1;
        }
        push(&mut lines, &word);
        used += word.len();
    }
    lines
}

fn push(lines: &mut [String], chars: &[char]) {
    if let Some(line) = lines.last_mut() {
        line.extend(chars);
    }
}

/// A share as a percentage.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A whole number in groups of three digits.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A score with four digits, or a dash.
#[must_use]
pub fn score(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
}

/// An interval of a score, or a dash.
#[must_use]
pub fn interval(interval: Option<&Interval>) -> String {
    interval.map_or_else(
        || "-".to_owned(),
        |i| format!("{:.4} to {:.4}", i.low, i.high),
    )
}

/// A moment as date and time, in universal time; empty where there is none.
#[must_use]
pub fn moment(time: Option<&prost_types::Timestamp>) -> String {
    time.and_then(|t| DateTime::<Utc>::from_timestamp(t.seconds, u32::try_from(t.nanos).ok()?))
        .map(|time| time.format("%Y-%m-%d %H:%M:%SZ").to_string())
        .unwrap_or_default()
}

/// Hundredths of a currency unit as an amount, in groups of three digits.
#[must_use]
pub fn amount(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let minor = minor.unsigned_abs();
    format!("{sign}{}.{:02}", count(minor / 100), minor % 100)
}

/// Values as a line of blocks, at most `room` of them; what is not known is a space.
#[must_use]
pub fn sparkline(values: &[f64], room: usize) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let values = means(values, room.max(1));
    let known = || values.iter().copied().filter(|value| value.is_finite());
    let low = known().fold(f64::INFINITY, f64::min);
    let high = known().fold(f64::NEG_INFINITY, f64::max);
    let block = |value: &f64| {
        if !value.is_finite() {
            return ' ';
        }
        // What never changes is a line in the middle.
        let share = if high > low {
            (value - low) / (high - low)
        } else {
            0.5
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 7"
        )]
        BLOCKS[((share * 7.0).round() as usize).min(7)]
    };
    values.iter().map(block).collect()
}

/// The values, or the means of neighbours where there are more than `most`.
fn means(values: &[f64], most: usize) -> Vec<f64> {
    if values.len() <= most {
        return values.to_vec();
    }
    (0..most)
        .map(|part| {
            let of = |n: usize| n * values.len() / most;
            let known: Vec<f64> = values[of(part)..of(part + 1)]
                .iter()
                .copied()
                .filter(|value| value.is_finite())
                .collect();
            #[expect(clippy::cast_precision_loss, reason = "a handful")]
            let size = known.len() as f64;
            // Nothing known is not a number, and so a space.
            known.iter().sum::<f64>() / size
        })
        .collect()
}

/// Seconds as people say them.
#[must_use]
pub fn seconds(value: f64) -> String {
    if value < 120.0 {
        format!("{value:.1} s")
    } else {
        format!(
            "{:.0} min {:02.0} s",
            (value / 60.0).floor(),
            (value % 60.0).floor()
        )
    }
}

/// Bytes in the unit that fits.
#[must_use]
pub fn bytes(value: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    let value = value as f64;
    if value < 1024.0 * 1024.0 {
        format!("{:.1} KiB", value / 1024.0)
    } else {
        format!("{:.1} MiB", value / (1024.0 * 1024.0))
    }
}

/// The last part of an enum value's name, in words: `DATASET_STATE_READY` becomes `ready`.
#[must_use]
pub fn enum_word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix)
        .unwrap_or(name)
        .to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_wrapped_and_cut() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("", 10), [""]);
        assert_eq!(shorten("abcdef", 4), "abc…");
        assert_eq!(shorten("abcd", 4), "abcd");
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(percent(0.4234), "42.3 %");
        assert_eq!(seconds(125.0), "2 min 05 s");
        assert_eq!(score(None), "-");
        assert_eq!(amount(123_456_789), "1,234,567.89");
        assert_eq!(amount(-5), "-0.05");
        assert_eq!(enum_word("DATASET_STATE_READY", "DATASET_STATE_"), "ready");
        let time = prost_types::Timestamp {
            seconds: 86_400,
            nanos: 0,
        };
        assert_eq!(moment(Some(&time)), "1970-01-02 00:00:00Z");
    }

    #[test]
    fn values_become_blocks() {
        assert_eq!(sparkline(&[0.0, 0.5, 1.0], 10), "▁▅█");
        assert_eq!(sparkline(&[3.0, 3.0], 10), "▅▅");
        assert_eq!(sparkline(&[1.0, f64::NAN, 2.0], 10), "▁ █");
        assert_eq!(sparkline(&[], 10), "");
        assert_eq!(sparkline(&[0.0, 0.0, 1.0, 1.0], 2), "▁█");
        assert_eq!(sparkline(&[f64::NAN, f64::NAN, 1.0, 1.0], 2), " ▅");
        let many: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(width(&sparkline(&many, 24)), 24);
    }
}
