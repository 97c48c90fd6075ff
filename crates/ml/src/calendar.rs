//! Month, weekday and text of a day number.
//!
//! Deliberately not a calendar library: proleptic Gregorian dates only, no time of day, no zones.

/// Year, month (1 to 12) and day (1 to 31) of `days` since 1970-01-01.
///
/// Counts in 400-year eras that begin on 1 March, so that the leap day comes last.
pub(crate) fn civil(days: i32) -> (i64, u32, u32) {
    const ERA: i64 = 146_097;
    let day = i64::from(days) + 719_468;
    let era = day.div_euclid(ERA);
    let of_era = day.rem_euclid(ERA);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = (of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    } as u32;
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Month, 1 to 12.
pub(crate) fn month(days: i32) -> u32 {
    civil(days).1
}

/// Weekday, 1 (Monday) to 7 (Sunday).
pub(crate) fn weekday(days: i32) -> u32 {
    // 1970-01-01 was a Thursday.
    (i64::from(days) + 3).rem_euclid(7) as u32 + 1
}

/// The day as `YYYY-MM-DD`.
pub(crate) fn text(days: i32) -> String {
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        assert_eq!(text(0), "1970-01-01");
        assert_eq!(text(-1), "1969-12-31");
        assert_eq!(text(11_016), "2000-02-29");
        assert_eq!(text(19_723), "2024-01-01");
        assert_eq!((weekday(0), weekday(19_723), weekday(-1)), (4, 1, 3));
        assert_eq!(month(11_016), 2);
    }
}
