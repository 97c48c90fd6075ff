//! What a training run hands out.
//!
//! Deliberately plain data: everything is worked out in `train` and `evaluate`.

use crate::crossval::PenaltyScore;
use crate::importance::Importance;
use crate::leak::LeakFinding;
use crate::learning_curve::LearningCurve;
use crate::model::{Evidence, Model};
use crate::score::{Evaluation, Segment};

/// The name of the base rate among the candidates.
pub const BASE_RATE: &str = "base rate";
/// The name of the logistic candidate.
pub const LOGISTIC: &str = "logistic";
/// The name of the boosted candidate.
pub const BOOSTED: &str = "boosted";

/// A candidate: what it did alone, and how much of it is served.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// [`BASE_RATE`], [`LOGISTIC`] or [`BOOSTED`].
    pub name: &'static str,
    /// Its weight in the blend, 0 to 1.
    pub weight: f64,
    /// Mean log loss of training rows while they were held back; `None` where no fold could be made.
    pub cross_validated_log_loss: Option<f64>,
    /// Figures on the test rows, fitted on the training rows only.
    pub evaluation: Evaluation,
}

/// A boosted family that was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct FamilyScore {
    /// The family in words.
    pub family: String,
    /// Mean log loss of training rows while they were held back.
    pub log_loss: f64,
    /// Whether it is the boosted candidate.
    pub chosen: bool,
}

/// Scores of the test rows by the levels of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnSegments {
    /// Name of the column.
    pub column: String,
    /// Its levels from most to least frequent, rare ones together.
    pub segments: Vec<Segment>,
}

/// The result of a training run.
#[derive(Debug, Clone)]
pub struct Trained {
    /// Fitted on all rows.
    pub model: Model,
    /// Fitted on the training rows only: what was evaluated, for later comparisons on rows that it has not seen.
    pub evaluated: Model,
    /// The rows that it has not seen, ascending.
    pub test_rows: Vec<usize>,
    /// Figures on the test rows of what is served, fitted on the training rows only: the blend of the candidates, or the
    /// base rate where that is not beaten.
    pub evaluation: Evaluation,
    /// Base rate, logistic and, where there is one, boosted, on the same test rows.
    pub candidates: Vec<Candidate>,
    /// Mean log loss of what is served on training rows while they were held back; `None` where no fold could be made.
    pub cross_validated_log_loss: Option<f64>,
    /// Every boosted family that was tried.
    pub families: Vec<FamilyScore>,
    /// Cross-validated log loss per penalty, in the order of the options.
    pub penalty_curve: Vec<PenaltyScore>,
    /// Columns that give the outcome away; their texts are among the notes.
    pub leaks: Vec<LeakFinding>,
    /// Worth of the used columns on the test rows, largest first; all zero when the base rate is served.
    pub importance: Vec<Importance>,
    /// Scores of what is served by the levels of the categories that matter most, on the test rows.
    pub segments: Vec<ColumnSegments>,
    /// What more data would bring: trainings with the chosen settings on nested parts of the training rows, tried on the
    /// test rows.
    pub learning_curve: LearningCurve,
    /// Whether cross-validation beats the base rate clearly, or at all where a test of all columns together finds a clear
    /// signal. If not, the base rate is served.
    pub beats_base_rate: bool,
    /// Whether the test rows are the newest ones; otherwise they were drawn at random.
    pub tested_on_newest: bool,
    /// How far the amount of data carries.
    pub evidence: Evidence,
    /// Parameters and hyperparameters, readable.
    pub parameters: Vec<(String, String)>,
    /// Rows fitted on before testing.
    pub rows_train: usize,
    /// Rows tested on.
    pub rows_test: usize,
    /// All rows, which the model is fitted on in the end.
    pub rows_total: usize,
    /// Won rows among all.
    pub wins_total: usize,
    /// What was dropped, folded or done differently, in sentences.
    pub notes: Vec<String>,
}

impl Trained {
    /// The candidate of that name.
    #[must_use]
    pub fn candidate(&self, name: &str) -> Option<&Candidate> {
        self.candidates.iter().find(|c| c.name == name)
    }
}
