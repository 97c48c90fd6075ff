//! Columns whose names tell how a deal went on: how long or how often something took place in its course, on which day it
//! reached a step, why it was won or lost.
//!
//! Such columns go on changing until the deal is decided, and separate won from lost too little to be found by their values
//! alone. Deliberately only half of a finding: a name proves nothing as long as the values do not tell anything (see `leak`).

use crate::table::{Column, Values};

/// Words for an amount.
const AMOUNTS: [&str; 6] = ["days", "count", "elapsed", "duration", "hours", "weeks"];
/// Words for the course of a deal.
const COURSE: [&str; 10] = [
    "stage",
    "stages",
    "closing",
    "closed",
    "close",
    "identified",
    "qualified",
    "validated",
    "cycle",
    "pipeline",
];
/// Words for a reason, and for what it is a reason of.
const REASONS: [&str; 2] = ["reason", "reasons"];
const ENDS: [&str; 7] = [
    "won", "win", "lost", "loss", "outcome", "decision", "closed",
];

/// Whether the name of `column` does so: a step with an amount (`Elapsed Days In Sales Stage`) or of days (`Date Closed`), or
/// the reason of an end (`Loss Reason`).
pub(crate) fn tells_of_the_course(column: &Column) -> bool {
    let name = column.name.to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
    let any = |of: &[&str]| words.iter().any(|w| of.contains(w));
    let dates = matches!(column.values, Values::Date(_));
    any(&COURSE) && (dates || any(&AMOUNTS)) || any(&REASONS) && any(&ENDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Role;

    fn told(name: &str, values: Values) -> bool {
        tells_of_the_course(&Column::new(name, Role::Feature, values))
    }

    #[test]
    fn names_of_the_course_are_told_from_honest_ones() {
        let number = |name: &str| told(name, Values::Number(vec![1.0]));
        let course = [
            "Elapsed Days In Sales Stage",
            "Sales Stage Change Count",
            "Total Days Identified Through Closing",
            "Ratio Days Validated To Total Days",
            "pipeline_duration",
            "Loss Reason",
        ];
        assert!(course.iter().all(|name| number(name)));
        let honest = [
            "Client Size By Employee Count",
            "Deal Size Category",
            "working_days",
            "days",
            "lead weeks",
            "stage",
            "reason for inquiry",
            "quotes lost before",
        ];
        assert!(!honest.iter().any(|name| number(name)));
    }

    #[test]
    fn days_of_a_step_are_told_and_other_days_are_not() {
        let day = |name: &str| told(name, Values::Date(vec![Some(1)]));
        assert!(day("Date Closed") && day("close_date"));
        assert!(!day("Date Requested") && !told("Closed", Values::Number(vec![1.0])));
    }
}
