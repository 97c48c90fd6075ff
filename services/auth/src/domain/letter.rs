//! What people are written: each letter with its words, as text and as HTML. Deliberately nothing
//! that loads from a server, and no link: a token is redeemed by a program.

mod report;

use askama::Template;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::Error;

pub use report::{AttachedFile, ReportLetter};

/// A letter on its way, or the wish for one that nobody has looked at yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Letter {
    /// Somebody wants an account; whether the address has one is looked up when it is sent.
    SignUpWanted {
        email: String,
        organization: String,
        password_hash: String,
    },
    /// Somebody has forgotten a password; likewise.
    ResetWanted { email: String },
    /// Confirms a sign-up.
    SignUp {
        email: String,
        organization: String,
        token: String,
    },
    /// Instead of that, where the address has an account.
    HasAccount { email: String },
    /// Confirms the address of an account.
    Verify { email: String, token: String },
    /// Confirms the new address of an account.
    NewEmail { email: String, token: String },
    /// Tells the old address.
    EmailChanged { email: String },
    /// Leads to a new password.
    Reset { email: String, token: String },
    /// Tells of a new password.
    PasswordChanged { email: String },
    /// Tells that the second factor was turned on or off.
    SecondFactor { email: String, enabled: bool },
    /// Tells that an identity provider was linked or unlinked.
    Provider {
        email: String,
        provider: String,
        linked: bool,
    },
    /// Invites into an organisation.
    Invitation {
        email: String,
        organization: String,
        role: String,
        token: String,
    },
    /// Confirms that an organisation is to be deleted.
    Deletion {
        email: String,
        organization: String,
        token: String,
    },
    /// Tells an owner that it will be.
    DeletionSet {
        email: String,
        organization: String,
        at: DateTime<Utc>,
    },
    /// Brings a report to a member.
    Report(Box<ReportLetter>),
}

/// A letter in words.
#[derive(Debug)]
pub struct Written {
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Files that go with it.
    pub attachments: Vec<Attachment>,
}

/// A file that goes with a letter.
#[derive(Debug)]
pub struct Attachment {
    pub name: String,
    pub media_type: &'static str,
    pub content: Vec<u8>,
}

#[derive(Template)]
#[template(path = "mail.txt")]
struct TextPage<'a>(&'a Words);

#[derive(Template)]
#[template(path = "mail.html")]
struct HtmlPage<'a>(&'a Words);

struct Words {
    subject: String,
    paragraphs: Vec<String>,
    /// What to do, as a command.
    command: Option<String>,
    end: String,
}

const IGNORE: &str = "If that was not you, ignore this mail: nothing happens.";
const ALARM: &str = "If that was not you, set a new password now (valutai auth reset-password) and look at your sessions.";

impl Letter {
    /// Whom it goes to.
    #[must_use]
    pub fn to(&self) -> &str {
        match self {
            Self::SignUpWanted { email, .. }
            | Self::ResetWanted { email }
            | Self::SignUp { email, .. }
            | Self::HasAccount { email }
            | Self::Verify { email, .. }
            | Self::NewEmail { email, .. }
            | Self::EmailChanged { email }
            | Self::Reset { email, .. }
            | Self::PasswordChanged { email }
            | Self::SecondFactor { email, .. }
            | Self::Provider { email, .. }
            | Self::Invitation { email, .. }
            | Self::Deletion { email, .. }
            | Self::DeletionSet { email, .. } => email,
            Self::Report(report) => &report.email,
        }
    }

    /// Puts it into words, without its files; nothing for a wish that has to be looked at first.
    ///
    /// # Errors
    /// Where a template cannot be filled.
    pub fn write(&self) -> Result<Option<Written>, Error> {
        let Some(words) = self.words() else {
            return Ok(None);
        };
        let filled = |page: Result<String, askama::Error>| {
            page.map_err(|error| Error::Mail(error.to_string()))
        };
        Ok(Some(Written {
            to: self.to().to_owned(),
            text: filled(TextPage(&words).render())?,
            html: filled(HtmlPage(&words).render())?,
            subject: words.subject,
            attachments: Vec::new(),
        }))
    }

    fn words(&self) -> Option<Words> {
        let words = |subject: &str, said: &[&str], command: Option<String>, end: &str| Words {
            subject: subject.to_owned(),
            paragraphs: said.iter().map(|line| (*line).to_owned()).collect(),
            command,
            end: end.to_owned(),
        };
        Some(match self {
            Self::SignUpWanted { .. } | Self::ResetWanted { .. } => return None,
            Self::SignUp {
                organization,
                token,
                ..
            } => words(
                "Confirm your ValutAI account",
                &[
                    &format!(
                        "Somebody, hopefully you, signs up with this address for the organisation \"{organization}\"."
                    ),
                    "Confirm it within a day by this command, which asks for the password that you chose:",
                ],
                Some(format!("valutai auth verify --sign-up {token}")),
                IGNORE,
            ),
            Self::HasAccount { .. } => words(
                "You have a ValutAI account",
                &[
                    "Somebody, perhaps you, wants to use this address for a ValutAI account. It has one already.",
                    "Sign in, or set a new password if you have forgotten yours:",
                ],
                Some("valutai auth reset-password".to_owned()),
                IGNORE,
            ),
            Self::Verify { token, .. } => words(
                "Confirm your e-mail address",
                &["Confirm within a day that this is the address of your ValutAI account:"],
                Some(format!("valutai auth verify {token}")),
                IGNORE,
            ),
            Self::NewEmail { token, .. } => words(
                "Confirm your new e-mail address",
                &["This is to be the new address of a ValutAI account. Confirm it within a day:"],
                Some(format!("valutai auth verify {token}")),
                IGNORE,
            ),
            Self::EmailChanged { .. } => words(
                "Your ValutAI account has another e-mail address",
                &["From now on, your ValutAI account has another e-mail address than this one."],
                None,
                "If that was not you, tell the owner of your organisation and the operator of this service at once.",
            ),
            Self::Reset { token, .. } => words(
                "Set a new password",
                &["Set a new password for your ValutAI account within an hour:"],
                Some(format!("valutai auth reset-password {token}")),
                IGNORE,
            ),
            Self::PasswordChanged { .. } => words(
                "Your ValutAI password was changed",
                &[
                    "The password of your ValutAI account was changed, and your other sessions were ended.",
                ],
                None,
                ALARM,
            ),
            Self::SecondFactor { enabled, .. } => {
                let state = if *enabled { "on" } else { "off" };
                words(
                    &format!("The second factor of your ValutAI account is {state}"),
                    &[&format!(
                        "The second factor of your ValutAI account was turned {state}."
                    )],
                    None,
                    ALARM,
                )
            }
            Self::Provider {
                provider,
                linked: true,
                ..
            } => words(
                &format!("{provider} was linked"),
                &[&format!(
                    "{provider} can be used to sign in to your ValutAI account from now on."
                )],
                None,
                "If that was not you, unlink it now (valutai auth links, valutai auth unlink), and set a new password.",
            ),
            Self::Provider { provider, .. } => words(
                &format!("{provider} was unlinked"),
                &[&format!(
                    "{provider} can no longer be used to sign in to your ValutAI account."
                )],
                None,
                ALARM,
            ),
            Self::Invitation {
                organization,
                role,
                token,
                ..
            } => words(
                &format!("Join {organization} on ValutAI"),
                &[
                    &format!("You are invited to the organisation \"{organization}\" as {role}."),
                    "Accept by this command; if you are signed in with this address it needs no password, else it asks for yours or for a new one:",
                ],
                Some(format!("valutai team accept {token}")),
                "If you do not know them, ignore this mail: nothing happens.",
            ),
            Self::Deletion {
                organization,
                token,
                ..
            } => words(
                &format!("Delete {organization}?"),
                &[&format!(
                    "You asked to delete the organisation \"{organization}\" with all its data. Confirm it within an hour:"
                )],
                Some(format!("valutai team delete --confirm {token}")),
                ALARM,
            ),
            Self::DeletionSet {
                organization, at, ..
            } => words(
                &format!("{organization} will be deleted"),
                &[
                    &format!(
                        "The organisation \"{organization}\" will be deleted with all its data at {}.",
                        at.format("%Y-%m-%d %H:%M UTC")
                    ),
                    "Until then any owner can take that back:",
                ],
                Some("valutai team delete --cancel".to_owned()),
                "After that nobody can.",
            ),
            Self::Report(report) => report.words(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_html() {
        let letter = Letter::Invitation {
            email: "ada@example.com".to_owned(),
            organization: "<b>Acme & Co</b>".to_owned(),
            role: "viewer".to_owned(),
            token: "vam_token".to_owned(),
        };
        let written = letter.write().unwrap().unwrap();
        assert!(written.text.contains("\"<b>Acme & Co</b>\" as viewer"));
        assert!(
            written
                .text
                .contains("\n    valutai team accept vam_token\n")
        );
        assert!(!written.html.contains("<b>Acme"), "{}", written.html);
        assert!(written.html.contains("valutai team accept vam_token"));
    }
}
