//! Reports that are mailed to members: who can be written to, and the letters. Addresses stay here; whoever asks names users.
//! Deliberately no schedule and no report: those are reporting's.

use chrono::{DateTime, TimeDelta, Utc};
use proto::auth::RecipientState;
use uuid::Uuid;

use super::{Commands, Result};
use crate::{
    Error,
    domain::letter::{AttachedFile, Letter, ReportLetter},
    store::{self, Reader},
};

/// How long it is known who was written of a report: longer than anybody asks again.
const KNOWN_FOR: TimeDelta = TimeDelta::days(30);

/// A report that is to be mailed.
#[derive(Debug)]
pub struct Posting {
    pub tenant_id: Uuid,
    pub report_id: Uuid,
    pub users: Vec<Uuid>,
    pub title: String,
    pub version: u32,
    pub sentences: Vec<String>,
    pub token: String,
    pub expires_at: DateTime<Utc>,
    pub files: Vec<AttachedFile>,
    pub files_left_out: bool,
    /// Empty where it is not known.
    pub schedule_id: String,
}

impl Commands {
    /// Which of some users can be written to as members of an organisation.
    pub async fn find_recipients(
        &self,
        tenant: Uuid,
        users: &[Uuid],
    ) -> Result<Vec<(Uuid, RecipientState)>> {
        self.require_mail()?;
        let mut tx = self.database.begin(tenant).await?;
        let readers = store::find_readers(&mut tx, &self.addresses, users).await?;
        tx.commit().await?;
        Ok(states(users, &readers))
    }

    /// Posts a report to those who can be written to and have not been; answers who can.
    pub async fn post_report(&self, posting: Posting) -> Result<Vec<(Uuid, RecipientState)>> {
        self.require_mail()?;
        let now = self.clock.now();
        let mut tx = self.database.begin(posting.tenant_id).await?;
        let organization = store::claim_organization(&mut tx).await?;
        let organization = organization.ok_or(Error::NoOrganization)?;
        store::delete_old_report_letters(&mut tx, now - KNOWN_FOR).await?;
        let readers = store::find_readers(&mut tx, &self.addresses, &posting.users).await?;
        for reader in readers.iter().filter(|reader| reader.is_confirmed) {
            let (report_id, user) = (posting.report_id, reader.user_id);
            if !store::insert_report_letter(&mut tx, report_id, user, now).await? {
                continue;
            }
            let letter = ReportLetter {
                tenant_id: posting.tenant_id,
                user_id: user,
                email: reader.email.clone(),
                organization: organization.name.clone(),
                title: posting.title.clone(),
                version: posting.version,
                sentences: posting.sentences.clone(),
                token: posting.token.clone(),
                expires_at: posting.expires_at,
                files: posting.files.clone(),
                files_left_out: posting.files_left_out,
                schedule_id: posting.schedule_id.clone(),
            };
            self.post(tx.connection(), &Letter::Report(Box::new(letter)))
                .await?;
        }
        self.commit(tx).await?;
        Ok(states(&posting.users, &readers))
    }

    /// A letter with the address that its reader has by now; nothing where the reader has left, or has no confirmed address.
    pub async fn readdressed(&self, letter: ReportLetter) -> Result<Option<ReportLetter>> {
        let mut tx = self.database.begin(letter.tenant_id).await?;
        let readers = store::find_readers(&mut tx, &self.addresses, &[letter.user_id]).await?;
        tx.commit().await?;
        let reader = readers.into_iter().find(|reader| reader.is_confirmed);
        Ok(reader.map(|reader| ReportLetter {
            email: reader.email,
            ..letter
        }))
    }
}

fn states(users: &[Uuid], readers: &[Reader]) -> Vec<(Uuid, RecipientState)> {
    let state = |user: &Uuid| match readers.iter().find(|reader| reader.user_id == *user) {
        None => RecipientState::NoMember,
        Some(reader) if reader.is_confirmed => RecipientState::Ready,
        Some(_) => RecipientState::Unconfirmed,
    };
    users.iter().map(|user| (*user, state(user))).collect()
}
