//! Writes a file of quotes with predictions beside each row. Deliberately careful with both halves:
//! input bytes are never touched, and no text of ours can run as a formula in a spreadsheet.

use std::io::{self, Write};

use proto::prediction::Prediction;

use super::{quote_file::Header, show};

/// The columns that predictions add.
pub const COLUMNS: [&str; 5] = [
    "win_probability",
    "win_probability_low",
    "win_probability_high",
    "evidence",
    "top_reasons",
];

/// Writes rows with their predictions.
#[derive(Debug)]
pub struct Annotator<W> {
    out: W,
    delimiter: u8,
    line_end: &'static [u8],
}

impl<W: Write> Annotator<W> {
    /// Writes the header with the columns that are added.
    ///
    /// # Errors
    /// Where the writer fails.
    pub fn start(out: W, header: &Header) -> io::Result<Self> {
        let mut annotator = Self::resume(out, header);
        annotator.write_line(&header.raw, &COLUMNS)?;
        Ok(annotator)
    }

    /// Goes on with a file that has its header.
    pub fn resume(out: W, header: &Header) -> Self {
        Self {
            out,
            delimiter: header.delimiter,
            line_end: header.line_end,
        }
    }

    /// The writer, between two rows.
    pub fn inner(&mut self) -> &mut W {
        &mut self.out
    }

    /// Writes a row as it stood, and its prediction.
    ///
    /// # Errors
    /// Where the writer fails.
    pub fn row(&mut self, raw: &[u8], prediction: &Prediction) -> io::Result<()> {
        let cells = [
            format!("{:.6}", prediction.win_probability),
            format!("{:.6}", prediction.win_probability_low),
            format!("{:.6}", prediction.win_probability_high),
            show::evidence(prediction.evidence()),
            without_formula(show::top_reasons(&prediction.contributions)),
        ];
        self.write_line(raw, &cells)
    }

    /// The writer, when all is written.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn write_line(&mut self, raw: &[u8], cells: &[impl AsRef<str>]) -> io::Result<()> {
        self.out.write_all(raw)?;
        for cell in cells {
            self.out.write_all(&[self.delimiter])?;
            self.out
                .write_all(quoted(cell.as_ref(), self.delimiter).as_bytes())?;
        }
        self.out.write_all(self.line_end)
    }
}

fn quoted(cell: &str, delimiter: u8) -> String {
    let needs_quotes = |c: char| matches!(c, '"' | '\r' | '\n') || c == char::from(delimiter);
    if cell.contains(needs_quotes) {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell.to_owned()
}

/// The text with an apostrophe before what a spreadsheet would take for a formula.
#[must_use]
pub fn without_formula(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        return format!("'{text}");
    }
    text
}

#[cfg(test)]
mod tests {
    use proto::prediction::{Contribution, Evidence};

    use super::*;

    fn header(delimiter: u8, raw: &[u8]) -> Header {
        Header {
            raw: raw.to_vec(),
            columns: Vec::new(),
            delimiter,
            line_end: b"\r\n",
        }
    }

    fn prediction(probability: f64, column: &str) -> Prediction {
        Prediction {
            win_probability: probability,
            win_probability_low: probability - 0.1,
            win_probability_high: probability + 0.1,
            evidence: Evidence::Solid.into(),
            contributions: vec![Contribution {
                column: column.into(),
                value: "x".into(),
                points: 0.01,
                log_odds: 0.04,
                ..Contribution::default()
            }],
            ..Prediction::default()
        }
    }

    #[test]
    fn every_row_is_written_once_in_order_and_untouched() {
        let rows: Vec<Vec<u8>> = (0..500)
            .map(|i| format!("=cmd{i};\"a;{i}\"; 1,50 ").into_bytes())
            .collect();
        let made = (0..500_u32).map(|i| prediction(f64::from(i) / 1000.0 + 0.1, "c"));
        let mut annotator =
            Annotator::start(Vec::new(), &header(b';', b"q;\"n\";p")).expect("starts");
        for (row, prediction) in rows.iter().zip(made) {
            annotator.row(row, &prediction).expect("writes");
        }
        let text = String::from_utf8(annotator.into_inner()).expect("is text");
        let lines: Vec<&str> = text.split_terminator("\r\n").collect();
        assert_eq!(lines.len(), 501);
        assert_eq!(
            lines[0],
            "q;\"n\";p;win_probability;win_probability_low;win_probability_high;evidence;top_reasons"
        );
        assert_eq!(
            lines[1],
            "=cmd0;\"a;0\"; 1,50 ;0.100000;0.000000;0.200000;solid;c=x +1.0 pts"
        );
        for (line, row) in lines[1..].iter().zip(&rows) {
            assert!(line.as_bytes().starts_with(row));
        }
    }

    #[test]
    fn our_text_cannot_run_or_break_out() {
        let mut annotator = Annotator::start(Vec::new(), &header(b',', b"a")).expect("starts");
        annotator
            .row(b"1", &prediction(0.5, "=HYPERLINK(\"x\",1)"))
            .expect("writes");
        let text = String::from_utf8(annotator.into_inner()).expect("is text");
        assert!(
            text.contains(",\"'=HYPERLINK(\"\"x\"\",1)=x +1.0 pts\"\r\n"),
            "{text}"
        );
        for start in ["=", "+", "-", "@", "\t", "\r"] {
            assert!(without_formula(format!("{start}1")).starts_with('\''));
        }
        assert_eq!(without_formula("Region=West".into()), "Region=West");
    }
}
