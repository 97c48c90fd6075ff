//! What the doctor found: a line for each thing that was looked at, and what to do about it. Deliberately three levels, so that
//! what can wait until morning is told from what cannot.

use std::io::{self, Write};

use serde_json::json;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, and should be looked at.
    Warning,
    /// Has to be mended.
    Fault,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub detail: String,
    /// What to do about it; `None` where nothing has to be done.
    pub remedy: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            level: Level::Ok,
            detail: detail.into(),
            remedy: None,
        }
    }

    /// Works, and should be looked at.
    pub fn warning(
        what: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Warning,
            ..Self::fault(what, detail, remedy)
        }
    }

    /// Has to be mended.
    pub fn fault(
        what: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            what: what.into(),
            level: Level::Fault,
            detail: detail.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// Prints it for people.
    ///
    /// # Errors
    /// Where nothing can be written.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mark = match self.level {
            Level::Ok => "ok     ",
            Level::Warning => "warning",
            Level::Fault => "FAULT  ",
        };
        writeln!(out, "{mark}  {}: {}", self.what, self.detail)?;
        match &self.remedy {
            Some(remedy) => writeln!(out, "         {remedy}"),
            None => Ok(()),
        }
    }
}

impl From<localservers::Finding> for Finding {
    fn from(found: localservers::Finding) -> Self {
        Self {
            what: found.what,
            level: if found.ok { Level::Ok } else { Level::Fault },
            detail: found.detail,
            remedy: found.remedy.filter(|_| !found.ok),
        }
    }
}

/// All of them as JSON.
#[must_use]
pub fn as_json(findings: &[Finding]) -> String {
    let rows: Vec<_> = findings
        .iter()
        .map(|finding| {
            let level = match finding.level {
                Level::Ok => "ok",
                Level::Warning => "warning",
                Level::Fault => "fault",
            };
            json!({
                "what": finding.what,
                "ok": finding.level != Level::Fault,
                "level": level,
                "detail": finding.detail,
                "remedy": finding.remedy,
            })
        })
        .collect();
    json!({ "findings": rows }).to_string()
}
