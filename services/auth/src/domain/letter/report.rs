//! The letter that brings a report: what it says, a link to it, its files. Titles and sentences hold names that people typed, so
//! that each is made one line here. Deliberately no word that the report does not say.

use chrono::{DateTime, Utc};
use proto::common::BlobRef;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Words;
use crate::Error;

/// Sentences of a report in a letter, and characters of each.
const SENTENCES: usize = 5;
const SENTENCE: usize = 400;
/// Characters of a title in a subject.
const TITLE: usize = 120;

/// A report that is mailed to a member.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReportLetter {
    pub tenant_id: Uuid,
    pub user_id: Uuid,
    pub email: String,
    pub organization: String,
    pub title: String,
    pub version: u32,
    pub sentences: Vec<String>,
    pub token: String,
    pub expires_at: DateTime<Utc>,
    pub files: Vec<AttachedFile>,
    pub files_left_out: bool,
    /// Empty where it is not known.
    #[serde(default)]
    pub schedule_id: String,
}

/// A file with where it lies.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AttachedFile {
    ending: String,
    key: String,
    size_bytes: i64,
    sha256: Vec<u8>,
}

impl AttachedFile {
    /// A file by the ending of its name.
    ///
    /// # Errors
    /// `Mail` where files of that ending are not sent.
    pub fn new(ending: &str, blob: BlobRef) -> Result<Self, Error> {
        media_type(ending)?;
        Ok(Self {
            ending: ending.to_owned(),
            key: blob.key,
            size_bytes: blob.size_bytes,
            sha256: blob.sha256,
        })
    }

    /// Where it lies.
    #[must_use]
    pub fn blob(&self) -> BlobRef {
        BlobRef {
            key: self.key.clone(),
            size_bytes: self.size_bytes,
            sha256: self.sha256.clone(),
        }
    }

    /// Its name in a mail, which nobody chose.
    #[must_use]
    pub fn name(&self) -> String {
        format!("report.{}", self.ending)
    }

    /// Its media type.
    ///
    /// # Errors
    /// `Mail` where files of its ending are not sent.
    pub fn media_type(&self) -> Result<&'static str, Error> {
        media_type(&self.ending)
    }
}

fn media_type(ending: &str) -> Result<&'static str, Error> {
    match ending {
        "csv" => Ok("text/csv; charset=utf-8"),
        "xlsx" => Ok("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        "pdf" => Ok("application/pdf"),
        other => Err(Error::Mail(format!("files of type {other:?} are not sent"))),
    }
}

/// A text as one line of at most so many characters: what breaks lines or hides is a space.
fn one_line(text: &str, longest: usize) -> String {
    let plain: String = text
        .chars()
        .map(|c| {
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                ' '
            } else {
                c
            }
        })
        .collect();
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= longest {
        return line;
    }
    let cut: String = line.chars().take(longest - 1).collect();
    format!("{}\u{2026}", cut.trim_end())
}

impl ReportLetter {
    pub(super) fn words(&self) -> Words {
        let title = one_line(&self.title, TITLE);
        let organization = one_line(&self.organization, TITLE);
        let mut paragraphs = vec![format!(
            "Version {} of a report that is scheduled for \"{organization}\": {title}.",
            self.version
        )];
        let said = self.sentences.iter().take(SENTENCES);
        paragraphs.extend(said.map(|sentence| one_line(sentence, SENTENCE)));
        if self.sentences.len() > SENTENCES {
            paragraphs.push("The report says more.".to_owned());
        }
        if self.files_left_out {
            paragraphs.push("Files that are too large for a mail are not attached.".to_owned());
        }
        paragraphs.push(format!(
            "Open it until {}, signed in to \"{organization}\":",
            self.expires_at.format("%Y-%m-%d %H:%M UTC")
        ));
        Words {
            subject: format!("Report: {title}"),
            paragraphs,
            command: Some(format!(
                "valutai reports open {} --html report.html",
                self.token
            )),
            end: self.end(),
        }
    }

    fn end(&self) -> String {
        let why = "You get this because a schedule of your organisation names you.";
        match self.schedule_id.as_str() {
            "" => format!(
                "{why} Its analysts and owners can change that (valutai reports schedule list)."
            ),
            id => format!("{why} To get no more of it: valutai reports schedule leave {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::letter::Letter;

    fn letter(title: &str) -> ReportLetter {
        ReportLetter {
            tenant_id: Uuid::nil(),
            user_id: Uuid::nil(),
            email: "ada@example.com".to_owned(),
            organization: "Ada Ltd".to_owned(),
            title: title.to_owned(),
            version: 3,
            sentences: (0..9)
                .map(|n| format!("Sentence {n}\r\n.\r\nstays one line."))
                .collect(),
            token: "vrl_token".to_owned(),
            expires_at: "2026-12-01T07:00:00Z".parse().expect("is a time"),
            files: Vec::new(),
            files_left_out: false,
            schedule_id: "7d4f".to_owned(),
        }
    }

    #[test]
    fn a_title_cannot_become_a_header() {
        let title = "Quotes\r\nBcc: eve@example.com\r\n\r\nHello\u{2028}there \u{0}<b>";
        let letter = Letter::Report(Box::new(letter(title)));
        let written = letter.write().expect("is written").expect("is no wish");
        assert_eq!(
            written.subject,
            "Report: Quotes Bcc: eve@example.com Hello there <b>"
        );
        assert!(!written.html.contains("<b>"), "{}", written.html);
        assert!(
            written
                .text
                .lines()
                .all(|line| !line.starts_with("Bcc") && line != ".")
        );
        assert!(written.text.contains("\nSentence 4 . stays one line.\n"));
        assert!(!written.text.contains("Sentence 5"));
        assert!(written.text.contains("valutai reports open vrl_token"));
        assert!(written.text.contains("valutai reports schedule leave 7d4f"));
    }

    #[test]
    fn a_long_title_is_cut_and_foreign_letters_stay() {
        let line = one_line(&"\u{e4}".repeat(500), TITLE);
        assert_eq!(line.chars().count(), TITLE);
        assert!(line.ends_with('\u{2026}'));
    }

    #[test]
    fn only_files_of_reports_are_attached() {
        assert!(AttachedFile::new("pdf", BlobRef::default()).is_ok());
        for ending in ["exe", "pdf\r\nX: y", "", "html"] {
            assert!(
                AttachedFile::new(ending, BlobRef::default()).is_err(),
                "{ending}"
            );
        }
    }
}
