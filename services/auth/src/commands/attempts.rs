//! Wrong attempts, counted by account and by network before anything is compared, so that many at
//! once do not pass either. Deliberately blind to whether the account exists.

use std::net::IpAddr;

use proto::rpc::Context;
use sqlx::PgConnection;

use super::{Commands, Result, span};
use crate::{Error, domain::network_of, store};

/// Mails that one address gets in a window on a stranger's wish.
const MAILS: i32 = 5;

/// An attempt under way; it counts as wrong unless it is told to have been right.
#[derive(Debug)]
pub struct Attempt {
    account: Vec<u8>,
    network: Option<Vec<u8>>,
}

impl Attempt {
    /// Forgets the wrong attempts for the account, and this one for the network.
    pub async fn was_right(self, connection: &mut PgConnection) -> Result<()> {
        store::delete_attempts(connection, &self.account).await?;
        self.network_undone(connection).await
    }

    /// Takes this one attempt back.
    pub async fn undone(self, connection: &mut PgConnection) -> Result<()> {
        store::update_attempt_undone(connection, &self.account).await?;
        self.network_undone(connection).await
    }

    async fn network_undone(&self, connection: &mut PgConnection) -> Result<()> {
        if let Some(network) = &self.network {
            store::update_attempt_undone(connection, network).await?;
        }
        Ok(())
    }
}

impl Commands {
    /// Lets an attempt on an account pass, or refuses it because there were too many.
    pub(super) async fn attempt(&self, context: &Context, email: &str) -> Result<Attempt> {
        let attempt = Attempt {
            account: self.key("account", email.as_bytes()),
            network: context.address.map(|address| self.network_key(address)),
        };
        let now = self.clock.now();
        let ends = now + span(self.settings.attempts_window);
        let mut tx = self.database.begin_any().await?;
        let mut refused = None;
        let counted = [
            (Some(&attempt.account), self.settings.account_attempts),
            (attempt.network.as_ref(), self.settings.network_attempts),
        ];
        for (key, limit) in counted {
            let Some(key) = key else { continue };
            let (count, until) = store::claim_attempt(&mut tx, key, now, ends).await?;
            if i64::from(count) > i64::from(limit) {
                refused = refused.max(Some(until));
            }
        }
        tx.commit().await.map_err(platform::Error::from)?;
        match refused {
            Some(until) => Err(Error::TooManyAttempts(until)),
            None => Ok(attempt),
        }
    }

    /// Whether an address may be sent another mail on a stranger's wish.
    pub(super) async fn may_mail(&self, context: &Context, email: &str) -> Result<bool> {
        let now = self.clock.now();
        let ends = now + span(self.settings.attempts_window);
        let mut tx = self.database.begin_any().await?;
        let key = self.key("mail", email.as_bytes());
        let (count, _) = store::claim_attempt(&mut tx, &key, now, ends).await?;
        let mut may = count <= MAILS;
        if let Some(address) = context.address {
            let key = self.key("mails from", network_of(address).to_string().as_bytes());
            let (count, _) = store::claim_attempt(&mut tx, &key, now, ends).await?;
            may &= i64::from(count) <= i64::from(self.settings.network_attempts);
        }
        tx.commit().await.map_err(platform::Error::from)?;
        Ok(may)
    }

    /// Lets somebody begin a sign-in with a provider, or refuses it because the network has begun too many.
    pub(super) async fn may_begin_flow(&self, context: &Context) -> Result<()> {
        let Some(address) = context.address else {
            return Ok(());
        };
        let now = self.clock.now();
        let ends = now + span(self.settings.attempts_window);
        let key = self.key("flows from", network_of(address).to_string().as_bytes());
        let mut tx = self.database.begin_any().await?;
        let (count, until) = store::claim_attempt(&mut tx, &key, now, ends).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        match i64::from(count) > i64::from(self.settings.network_attempts) {
            true => Err(Error::TooManyAttempts(until)),
            false => Ok(()),
        }
    }

    /// Forgets the wrong attempts for an account whose owner has proven to be it.
    pub(super) async fn forgive(&self, connection: &mut PgConnection, email: &str) -> Result<()> {
        store::delete_attempts(connection, &self.key("account", email.as_bytes())).await
    }

    fn network_key(&self, address: IpAddr) -> Vec<u8> {
        self.key("network", network_of(address).to_string().as_bytes())
    }

    /// Keyed, so that the table tells nobody which addresses were tried.
    fn key(&self, kind: &str, what: &[u8]) -> Vec<u8> {
        self.addresses
            .keyed("attempts", &[kind.as_bytes(), b"|", what])
    }
}
