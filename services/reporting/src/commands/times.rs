//! The times of a cron expression in a time zone. Five fields, as in cron(5); `croner` reads them and walks the calendar.
//! Where clocks are put forward, a fixed time that is skipped comes at the first moment behind the gap, and times of an interval
//! in it are left out; where they are put back, a fixed time comes once, at the first of both, and an interval in both hours.
//! Deliberately no clock: the time is handed in.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};

use super::Result;
use crate::Error;

const FIELDS: usize = 5;
/// Characters of an expression at most.
const LONGEST: usize = 100;
/// Two times may not be closer to each other.
const CLOSEST: TimeDelta = TimeDelta::hours(1);
/// Times that are looked at for that: those of more than a day where they are an hour apart.
const LOOKED_AT: usize = 60;
/// The zone where none is named.
const USUAL_ZONE: &str = "UTC";

/// When something is to happen.
#[derive(Debug, Clone)]
pub struct Times {
    cron: Cron,
    zone: Tz,
}

impl Times {
    /// Reads an expression and the IANA name of a time zone; UTC where that is empty.
    ///
    /// # Errors
    /// `Cron` and `TimeZone` where they are none.
    pub fn parse(expression: &str, zone: &str) -> Result<Self> {
        let wrong = |why: String| Error::Cron {
            expression: expression.chars().take(LONGEST).collect(),
            why,
        };
        if expression.len() > LONGEST || expression.split_whitespace().count() != FIELDS {
            return Err(wrong(
                "it has other than five fields, or more than 100 characters".to_owned(),
            ));
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let cron = parser.parse(expression);
        let zone = zone_name(zone);
        Ok(Self {
            cron: cron.map_err(|error| wrong(error.to_string()))?,
            zone: zone
                .parse()
                .map_err(|_| Error::TimeZone(zone.chars().take(LONGEST).collect()))?,
        })
    }

    /// The first time after another; none where there is none any more.
    pub fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = after.with_timezone(&self.zone);
        let next = self.cron.find_next_occurrence(&local, false).ok()?;
        Some(next.with_timezone(&Utc))
    }

    /// The first time after another, of times that are an hour apart or more.
    ///
    /// # Errors
    /// `Cron` where there is none, `TooOften` where times are closer.
    pub fn first(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
        let first = self.next(now).ok_or_else(|| Error::Cron {
            expression: self.cron.as_str().to_owned(),
            why: "there is no such day".to_owned(),
        })?;
        let mut before = first;
        for _ in 1..LOOKED_AT {
            let Some(next) = self.next(before) else { break };
            if next - before < CLOSEST {
                return Err(Error::TooOften);
            }
            before = next;
        }
        Ok(first)
    }
}

/// The name of a time zone as it is kept.
pub fn zone_name(asked: &str) -> &str {
    match asked.trim() {
        "" => USUAL_ZONE,
        zone => zone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next times of an expression, as UTC.
    fn times(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let times = Times::parse(expression, zone).expect("is one");
        let mut at = after.parse().expect("is a time");
        let mut found = Vec::new();
        for _ in 0..count {
            at = times.next(at).expect("there is one");
            found.push(at.format("%m-%d %H:%M").to_string());
        }
        found
    }

    #[test]
    fn times_are_those_of_the_zone() {
        // Mondays at seven in Berlin: an hour earlier by UTC in summer.
        assert_eq!(
            times("0 7 * * 1", "Europe/Berlin", "2026-03-20T00:00:00Z", 2),
            ["03-23 06:00", "03-30 05:00"]
        );
        assert_eq!(
            times("0 7 * * 1", "", "2026-03-20T00:00:00Z", 2),
            ["03-23 07:00", "03-30 07:00"]
        );
        assert_eq!(
            times("30 6 1 */3 *", "Asia/Kolkata", "2026-01-01T01:00:00Z", 2),
            ["04-01 01:00", "07-01 01:00"]
        );
    }

    #[test]
    fn a_time_that_the_clocks_skip_comes_behind_the_gap_once() {
        // At 02:00 in Berlin it becomes 03:00, which is 01:00 by UTC.
        assert_eq!(
            times("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3),
            ["03-28 01:30", "03-29 01:00", "03-30 00:30"]
        );
        // Of an interval it is left out.
        assert_eq!(
            times("30 * * * *", "Europe/Berlin", "2026-03-28T23:45:00Z", 3),
            ["03-29 00:30", "03-29 01:30", "03-29 02:30"]
        );
    }

    #[test]
    fn a_time_that_comes_twice_counts_once() {
        // At 03:00 in Berlin it becomes 02:00: 02:30 is both 00:30 and 01:30 by UTC.
        assert_eq!(
            times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            ["10-25 00:30", "10-26 01:30"]
        );
        assert_eq!(
            times("30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", 3),
            ["10-25 00:30", "10-25 01:30", "10-25 02:30"]
        );
    }

    #[test]
    fn what_is_no_time_is_refused_with_a_reason() {
        let now = "2026-01-01T00:00:00Z".parse().expect("is a time");
        let refused = |expression: &str, zone: &str| {
            let times = Times::parse(expression, zone).and_then(|times| times.first(now));
            times.expect_err("is refused").to_string()
        };
        for wrong in [
            "",
            "0 7 * *",
            "0 0 7 * * 1",
            "60 7 * * *",
            "0 25 * * *",
            "0 7 * * mondays",
            "@daily",
            "a b c d e",
        ] {
            assert!(refused(wrong, "").contains("cron expression"), "{wrong}");
        }
        assert!(refused("0 7 30 2 *", "").contains("no such day"));
        assert!(refused("0 7 * * 1", "Europe/Bonn").contains("IANA"));
        for often in [
            "* * * * *",
            "*/30 * * * *",
            "0,59 7 * * *",
            "0 7 * * 1,1-5/1 ",
        ] {
            let said = Times::parse(often, "").and_then(|times| times.first(now));
            match often.starts_with("0 7") {
                true => assert!(said.is_ok(), "{often}"),
                false => assert!(matches!(said, Err(Error::TooOften)), "{often}"),
            }
        }
        assert!(
            Times::parse("0 * * * *", "")
                .and_then(|times| times.first(now))
                .is_ok()
        );
    }
}
