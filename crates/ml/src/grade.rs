//! A letter for a probability, and whether the answer can be relied on.
//!
//! Deliberately two answers and not one: the grade says how likely the win is, the status how well that is known. A
//! letter that mixed both would hide that a sure loss and a wild guess need different actions.

use crate::model::Evidence;

/// Smallest probabilities of grades A, B and C.
const GRADES: [(f64, Grade); 3] = [(0.75, Grade::A), (0.5, Grade::B), (0.25, Grade::C)];
/// No interval up to this width (40 percentage points) is called wide.
pub(crate) const WIDE: f64 = 0.4;
/// Share of the quotes that a model learned from whose intervals are not wide.
const USUAL: f64 = 0.95;

/// The width from which an interval is wide, given those of quotes that the model learned from: wider than 19 of 20 of them.
/// Where all are wide the model as a whole knows little, which its tier and every interval say; a reason that nearly every
/// answer has would hide the answers that are worse than the others.
pub(crate) fn wide(mut widths: Vec<f64>) -> f64 {
    widths.sort_by(f64::total_cmp);
    let at = (USUAL * widths.len() as f64) as usize;
    let usual = widths.get(at).or(widths.last()).copied();
    usual.unwrap_or(WIDE).clamp(WIDE, 1.0)
}

/// How likely a win is, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// From 75 %.
    A,
    /// From 50 %.
    B,
    /// From 25 %.
    C,
    /// Below 25 %.
    D,
}

impl Grade {
    /// The grade of a probability; `None` when it is not between 0 and 1.
    #[must_use]
    pub fn of(probability: f64) -> Option<Self> {
        let grade = |&(from, grade): &(f64, Self)| (probability >= from).then_some(grade);
        (0.0..=1.0)
            .contains(&probability)
            .then(|| GRADES.iter().find_map(grade).unwrap_or(Self::D))
    }

    /// The letter.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::A => 'A',
            Self::B => 'B',
            Self::C => 'C',
            Self::D => 'D',
        }
    }
}

/// A grade and the grades that the interval allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Graded {
    /// Grade of the estimate.
    pub grade: Grade,
    /// Best grade inside the interval.
    pub best: Grade,
    /// Worst grade inside the interval.
    pub worst: Grade,
}

impl Graded {
    /// Whether the whole interval has one grade.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        self.best == self.worst
    }
}

/// Grades a probability with its interval; `None` when one of them is not between 0 and 1, or they are out of order.
#[must_use]
pub fn grade(probability: f64, low: f64, high: f64) -> Option<Graded> {
    (low <= probability && probability <= high).then_some(())?;
    Some(Graded {
        grade: Grade::of(probability)?,
        best: Grade::of(high)?,
        worst: Grade::of(low)?,
    })
}

/// What is unusual about a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Oddity {
    /// A category that training never met, in the named column.
    UnseenCategory(String),
    /// A number or date outside what training saw, in the named column.
    OutOfRange(String),
}

/// Why an answer should be treated with care.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// A category that training never met.
    UnseenCategory {
        /// Name of the column.
        column: String,
    },
    /// A number or date outside what training saw.
    OutOfRange {
        /// Name of the column.
        column: String,
    },
    /// The interval spans more than 40 percentage points, and more than those of 19 in 20 quotes that the model learned from.
    WideInterval {
        /// High minus low end.
        width: f64,
    },
    /// Fewer than 80 training quotes, or 15 of either outcome, or a row much unlike them.
    IndicativeTier,
}

impl Reason {
    /// The reason in a sentence.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::UnseenCategory { column } => {
                format!("The value of {column:?} never occurred in the training data.")
            }
            Self::OutOfRange { column } => {
                format!("The value of {column:?} lies outside the range of the training data.")
            }
            Self::WideInterval { width } => {
                format!(
                    "The interval spans {:.0} percentage points, more than is usual for this model.",
                    100.0 * width
                )
            }
            Self::IndicativeTier => {
                "There are too few comparable quotes for more than an indication.".to_owned()
            }
        }
    }
}

/// Whether an answer can be relied on.
#[derive(Debug, Clone, PartialEq)]
pub enum EvidenceStatus {
    /// Nothing speaks against it.
    Ok,
    /// Something does; never empty.
    LowEvidence(Vec<Reason>),
}

impl EvidenceStatus {
    /// `OK` or `LOW_EVIDENCE`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::LowEvidence(_) => "LOW_EVIDENCE",
        }
    }
}

/// The status of an answer with interval `low` to `high`: every oddity, an interval wider than `wide` or not a number, and the
/// indicative tier are reasons on their own. In that order.
#[must_use]
pub fn evidence_status(
    (low, high): (f64, f64),
    wide: f64,
    tier: Evidence,
    oddities: &[Oddity],
) -> EvidenceStatus {
    let mut reasons: Vec<Reason> = oddities
        .iter()
        .map(|oddity| match oddity.clone() {
            Oddity::UnseenCategory(column) => Reason::UnseenCategory { column },
            Oddity::OutOfRange(column) => Reason::OutOfRange { column },
        })
        .collect();
    let width = high - low;
    if width.is_nan() || width > wide {
        // An interval that could not be computed allows everything.
        let width = if width.is_nan() { 1.0 } else { width };
        reasons.push(Reason::WideInterval { width });
    }
    if tier == Evidence::Indicative {
        reasons.push(Reason::IndicativeTier);
    }
    if reasons.is_empty() {
        EvidenceStatus::Ok
    } else {
        EvidenceStatus::LowEvidence(reasons)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_belong_to_the_better_grade() {
        let told: String = [1.0, 0.75, 0.7499, 0.5, 0.4999, 0.25, 0.2499, 0.0]
            .iter()
            .filter_map(|&p| Grade::of(p))
            .map(Grade::letter)
            .collect();
        assert_eq!(told, "AABBCCDD");
        for nonsense in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
            assert_eq!(Grade::of(nonsense), None);
        }
    }

    #[test]
    fn the_interval_says_how_sure_the_letter_is() {
        let sure = grade(0.8, 0.76, 0.85).expect("in order");
        assert!(sure.is_sure() && sure.grade == Grade::A);
        let unsure = grade(0.6, 0.4, 0.8).expect("in order");
        assert_eq!(
            (unsure.best, unsure.grade, unsure.worst),
            (Grade::A, Grade::B, Grade::C)
        );
        assert!(!unsure.is_sure());
        assert_eq!(grade(0.6, 0.7, 0.8), None);
        assert_eq!(grade(f64::NAN, 0.1, 0.2), None);
        assert_eq!(grade(0.5, 0.1, 1.2), None);
    }

    #[test]
    fn what_is_wide_is_wider_than_usual() {
        let widths = |from: f64| (0..100).map(|k| from + 0.001 * f64::from(k)).collect();
        assert_eq!(wide(widths(0.1)), WIDE);
        assert!((wide(widths(0.6)) - 0.695).abs() < 1e-12);
        assert_eq!(wide(vec![]), WIDE);
        assert_eq!(wide(vec![0.7]), 0.7);
    }

    #[test]
    fn every_reason_is_told() {
        let fine = evidence_status((0.3, 0.7), 0.4, Evidence::Usable, &[]);
        assert_eq!((fine.code(), fine), ("OK", EvidenceStatus::Ok));
        let odd = [
            Oddity::UnseenCategory("region".to_owned()),
            Oddity::OutOfRange("price".to_owned()),
        ];
        let EvidenceStatus::LowEvidence(reasons) =
            evidence_status((0.1, 0.9), 0.6, Evidence::Indicative, &odd)
        else {
            panic!("there are reasons")
        };
        assert_eq!(reasons.len(), 4);
        assert!(reasons[0].text().contains("region") && reasons[1].text().contains("price"));
        assert_eq!(
            reasons[2].text(),
            "The interval spans 80 percentage points, more than is usual for this model."
        );
        assert_eq!(reasons[3], Reason::IndicativeTier);
        let unknown = evidence_status((f64::NAN, 0.9), 1.0, Evidence::Solid, &[]);
        assert_eq!(unknown.code(), "LOW_EVIDENCE");
    }
}
