//! What was found of a column that gives the outcome away, and its sentences. Deliberately no search: see the module above.

/// What gives a column away.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LeakKind {
    /// The numbers or days alone rank won above lost rows, or below them.
    Ranks {
        /// Area under the ROC curve of the better direction.
        auc: f64,
        /// Whether high values are won.
        rising: bool,
    },
    /// Win rates per level, or per bin of numbers, taken from half of the rows rank the other half.
    Levels {
        /// Area under the ROC curve over both halves.
        auc: f64,
        /// Share of rows that have the more frequent outcome of their level.
        purity: f64,
    },
    /// Filled (or empty) for one outcome only.
    FilledForOneOutcome {
        /// Whether that outcome is won.
        won: bool,
        /// Whether it is the empty cells that have one outcome, rather than the filled ones.
        empty: bool,
        /// Such cells.
        cells: usize,
        /// Share of them with that outcome.
        share: f64,
    },
    /// The name tells how the deal went on, and the values tell something of the outcome.
    Course {
        /// Area under the ROC curve of the values alone.
        auc: f64,
    },
    /// Days after the day of the outcome.
    AfterOutcome {
        /// Rows with a later day.
        rows: usize,
        /// Rows with both days.
        of: usize,
    },
}

/// A column that gives the outcome away.
#[derive(Debug, Clone, PartialEq)]
pub struct LeakFinding {
    /// Name of the column.
    pub column: String,
    /// What gives it away.
    pub kind: LeakKind,
}

impl LeakFinding {
    /// The figure of the kind: area under the curve, or a share; 0 to 1.
    #[must_use]
    pub fn figure(&self) -> f64 {
        match self.kind {
            LeakKind::Ranks { auc, .. }
            | LeakKind::Levels { auc, .. }
            | LeakKind::Course { auc } => auc,
            LeakKind::FilledForOneOutcome { share, .. } => share,
            LeakKind::AfterOutcome { rows, of } => rows as f64 / of.max(1) as f64,
        }
    }

    /// The finding and what to do about it, in sentences.
    #[must_use]
    pub fn statement(&self) -> String {
        format!(
            "{} It may be known only after the outcome; if so, train without it.",
            self.text()
        )
    }

    /// The finding in a sentence.
    #[must_use]
    pub fn text(&self) -> String {
        let column = &self.column;
        match self.kind {
            LeakKind::Ranks { auc, .. } => {
                format!("Column {column:?} alone separates won from lost quotes (AUC {auc:.3}).")
            }
            LeakKind::Levels { auc, purity } => format!(
                "The values of {column:?} alone tell the outcome (AUC {auc:.3}, {:.1} % of quotes follow their value).",
                100.0 * purity
            ),
            LeakKind::FilledForOneOutcome {
                won,
                empty,
                cells,
                share,
            } => format!(
                "Column {column:?} is {} almost only for {} quotes ({:.1} % of {cells} such cells).",
                if empty { "empty" } else { "filled in" },
                if won { "won" } else { "lost" },
                100.0 * share
            ),
            LeakKind::Course { auc } => format!(
                "Column {column:?} tells by its name how the deal went on, and by its values something of the outcome (AUC {auc:.3})."
            ),
            LeakKind::AfterOutcome { rows, of } => {
                format!("Column {column:?} holds days after the outcome in {rows} of {of} quotes.")
            }
        }
    }
}
