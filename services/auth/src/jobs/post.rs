//! The post: letters are sent one after the other, kept until they are sent, and given up after a
//! day. What a stranger asked for is looked up here, so that the answer to the stranger takes the
//! same time for every address.

use chrono::TimeDelta;
use platform::{Clock, Database, Kit, blobs::Blobs, config::Keys, error::chain};
use sqlx::PgConnection;

use super::mailer::Mailer;
use crate::{
    Error,
    commands::{Commands, RESET, SIGN_UP, Wish, open_json, seal_json},
    domain::letter::{Attachment, Letter, Written},
    store,
};

/// A mail that was taken and not sent is taken again after this long.
const LEASE: TimeDelta = TimeDelta::minutes(2);
/// After this long nobody waits for it any more.
const GIVEN_UP_AFTER: TimeDelta = TimeDelta::days(1);
const LONGEST_PAUSE_SECONDS: i64 = 3600;

type Result<T> = std::result::Result<T, Error>;

/// Sends what is due.
#[derive(Debug)]
pub struct Post {
    database: Database,
    clock: Clock,
    kek: Keys,
    blobs: Blobs,
    commands: Commands,
    mailer: Mailer,
}

impl Post {
    pub fn new(kit: &Kit, commands: Commands) -> Result<Option<Self>> {
        Ok(Mailer::new(&kit.config.accounts)?.map(|mailer| Self {
            database: kit.database(),
            clock: kit.clock.clone(),
            kek: kit.config.kek.clone(),
            blobs: kit.blobs.clone(),
            commands,
            mailer,
        }))
    }

    /// Sends until nothing is due; answers how many were sent.
    pub async fn send_due(&self) -> Result<usize> {
        let mut sent = 0;
        let mut tx = self.database.begin_any().await?;
        store::delete_expired(&mut tx, self.clock.now()).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        loop {
            let now = self.clock.now();
            let mut tx = self.database.begin_any().await?;
            let due = store::claim_mail(&mut tx, now, now + LEASE).await?;
            tx.commit().await.map_err(platform::Error::from)?;
            let Some(mail) = due else { return Ok(sent) };
            sent += usize::from(self.deliver(mail).await?);
        }
    }

    async fn deliver(&self, mail: store::DueMail) -> Result<bool> {
        let letter: Letter =
            open_json(&self.kek, &format!("mail|sealed|{}", mail.id), &mail.sealed)?;
        let letter = match letter {
            // Somebody may have left since it was posted, or have another address.
            Letter::Report(report) => match self.commands.readdressed(*report).await? {
                Some(report) => Letter::Report(Box::new(report)),
                None => {
                    tracing::info!(mail = %mail.id, "a report is not mailed to somebody who has left");
                    let mut tx = self.database.begin_any().await?;
                    store::delete_mail(&mut tx, mail.id).await?;
                    tx.commit().await.map_err(platform::Error::from)?;
                    return Ok(false);
                }
            },
            other => other,
        };
        let Some(written) = letter.write()? else {
            let mut tx = self.database.begin_any().await?;
            self.look_up(&mut tx, &mail, letter).await?;
            tx.commit().await.map_err(platform::Error::from)?;
            return Ok(false);
        };
        // Not inside a transaction: a slow mail server would hold it open.
        let outcome = match self.attach(&letter, written).await {
            Ok(written) => self.mailer.send(mail.id, written).await,
            Err(error) => Err(error),
        };
        let now = self.clock.now();
        let mut tx = self.database.begin_any().await?;
        match &outcome {
            Ok(()) => store::delete_mail(&mut tx, mail.id).await?,
            Err(error) if now - mail.created_at > GIVEN_UP_AFTER => {
                tracing::error!(mail = %mail.id, error = %chain(error), "a mail was given up");
                store::delete_mail(&mut tx, mail.id).await?;
            }
            Err(error) => {
                let pause = pause(mail.attempts);
                tracing::warn!(mail = %mail.id, error = %chain(error), ?pause, "a mail was not sent and is tried again");
                store::update_mail_due(&mut tx, mail.id, now + pause).await?;
            }
        }
        tx.commit().await.map_err(platform::Error::from)?;
        Ok(outcome.is_ok())
    }

    /// Adds the files of a report.
    async fn attach(&self, letter: &Letter, mut written: Written) -> Result<Written> {
        let Letter::Report(report) = letter else {
            return Ok(written);
        };
        for file in &report.files {
            written.attachments.push(Attachment {
                name: file.name(),
                media_type: file.media_type()?,
                content: self.blobs.get(report.tenant_id, &file.blob()).await?,
            });
        }
        Ok(written)
    }

    /// Puts the letter that fits the address in place of a stranger's wish.
    async fn look_up(
        &self,
        connection: &mut PgConnection,
        mail: &store::DueMail,
        wanted: Letter,
    ) -> Result<()> {
        let user =
            store::find_user_by_email(connection, self.commands.addresses(), wanted.to()).await?;
        let letter = match (wanted, user) {
            (Letter::SignUpWanted { email, .. }, Some(_)) => Letter::HasAccount { email },
            (
                Letter::SignUpWanted {
                    email,
                    organization,
                    password_hash,
                },
                None,
            ) => {
                let wish = Wish::SignUp {
                    email: email.clone(),
                    organization: organization.clone(),
                    password_hash,
                };
                let day = TimeDelta::days(1);
                let token = self
                    .commands
                    .give_token(connection, SIGN_UP, None, &wish, day)
                    .await?;
                Letter::SignUp {
                    email,
                    organization,
                    token,
                }
            }
            (Letter::ResetWanted { email }, Some(user)) => {
                let wish = Wish::Email(email.clone());
                let hour = TimeDelta::hours(1);
                let token = self
                    .commands
                    .give_token(connection, RESET, Some(user.id), &wish, hour)
                    .await?;
                Letter::Reset { email, token }
            }
            // Nobody has this address, or it is no wish: nothing to send.
            _ => return store::delete_mail(connection, mail.id).await,
        };
        let sealed = seal_json(&self.kek, &format!("mail|sealed|{}", mail.id), &letter)?;
        store::update_mail(connection, mail.id, &sealed, self.clock.now()).await
    }
}

/// 5 seconds after the first failure, then twice as long each time.
fn pause(attempts: i32) -> TimeDelta {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(10);
    TimeDelta::seconds((5_i64 << doublings).min(LONGEST_PAUSE_SECONDS))
}
