//! Credentials by which programs of an organisation read its events on NATS: issued, ended, judged when somebody connects, and
//! kept in step with the consumers that they stand for. Deliberately no password hashing: a secret is 256 random bits.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use platform::{
    audit::Operation,
    config::Outside,
    outside::{self, Login, Pass, Reader},
    tail::Start,
};
use proto::{
    auth::StreamEvent,
    rpc::{Caller, Context},
};
use uuid::Uuid;

use super::{Commands, Result};
use crate::{Error, domain, domain::streams, store};

/// Uses are noted at most so often.
const NOTED_EVERY: TimeDelta = TimeDelta::minutes(1);

/// A credential just issued; the secret is told once.
#[derive(Debug)]
pub struct NewStream {
    pub url: String,
    pub domain: String,
    pub stream: String,
    pub inbox_prefix: String,
    pub row: store::StreamRow,
}

/// Where a new credential begins to read.
#[derive(Debug, Clone, Copy)]
pub enum Beginning {
    Now,
    At(DateTime<Utc>),
    Oldest,
}

impl Commands {
    pub async fn issue_stream_credential(
        &self,
        context: &Context,
        caller: &Caller,
        (name, days): (&str, u32),
        events: Vec<StreamEvent>,
        beginning: Beginning,
    ) -> Result<NewStream> {
        let outside = self.outside.as_ref().ok_or(Error::NobodyOutside)?;
        if !(1..=domain::KEY_DAYS_MAX).contains(&days) {
            return Err(Error::KeyDays(domain::KEY_DAYS_MAX));
        }
        let now = self.clock.now();
        let secret = domain::new_token(streams::SECRET_PREFIX);
        let row = store::StreamRow {
            tenant_id: caller.tenant_id,
            id: Uuid::now_v7(),
            name: domain::key_name(name)?.to_owned(),
            login: streams::new_login(),
            events: events.iter().map(|event| *event as i32).collect(),
            starts_at: match beginning {
                Beginning::Now => Some(now),
                Beginning::At(time) => Some(streams::start_time(time, now)?),
                Beginning::Oldest => None,
            },
            created_at: now,
            expires_at: now + TimeDelta::days(days.into()),
            last_used_at: None,
        };
        let mut tx = self.database.begin(caller.tenant_id).await?;
        self.person(&mut tx, caller).await?;
        // Held, so that two who issue at once are counted.
        store::claim_organization(&mut tx).await?;
        let open = store::list_stream_credentials(&mut tx, now).await?;
        if open.len() >= streams::OPEN_MAX {
            return Err(Error::StreamCredentials(streams::OPEN_MAX));
        }
        let hash = domain::token_hash(&secret);
        store::insert_stream_credential(&mut tx, &row, &hash, caller.user_id).await?;
        let operation = Operation::done("auth.issue_stream_credential", row.id).changed(
            "expires_at",
            "",
            row.expires_at.to_rfc3339(),
        );
        tx.record(context, operation).await?;
        tx.commit().await?;
        // Behind the commit: a consumer without a credential would be taken for one whose organisation is gone.
        let start = match beginning {
            Beginning::Now => Start::Now,
            _ => start_of(&row),
        };
        if let Err(error) = self.create_reader(&row, start).await {
            // The caller is told no secret, so nobody can use it.
            let mut tx = self.database.begin(caller.tenant_id).await?;
            store::update_stream_revoked(&mut tx, row.id, now).await?;
            tx.commit().await?;
            return Err(error);
        }
        Ok(NewStream {
            url: address(outside, &row.login, &secret),
            domain: self.bus.subjects().jetstream_domain().to_owned(),
            stream: self.bus.subjects().stream(streams::DOMAIN),
            inbox_prefix: outside::inbox_prefix(&row.login),
            row,
        })
    }

    pub async fn list_stream_credentials(&self, caller: &Caller) -> Result<Vec<store::StreamRow>> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let rows = store::list_stream_credentials(&mut tx, self.clock.now()).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// Ends a credential: nobody connects by it from the commit on, and its consumer is gone when this answers.
    pub async fn revoke_stream_credential(
        &self,
        context: &Context,
        caller: &Caller,
        id: Uuid,
    ) -> Result<()> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        self.person(&mut tx, caller).await?;
        let login = store::update_stream_revoked(&mut tx, id, self.clock.now()).await?;
        let login = login.ok_or(Error::Unknown("stream credential"))?;
        tx.audit(context, "auth.revoke_stream_credential", id)
            .await?;
        tx.commit().await?;
        // Where this fails the caller hears of it and may call again; the task that keeps both in step does so anyway.
        Ok(self.bus.delete_reader(streams::DOMAIN, &login).await?)
    }

    /// Judges somebody who connects to NATS.
    pub async fn admit(&self, login: &Login) -> Result<Pass> {
        let secret = login.password.expose();
        if !streams::is_plausible(&login.user, secret) {
            return Err(Error::Credentials);
        }
        let now = self.clock.now();
        let mut tx = self.database.begin_any().await?;
        let found =
            store::find_stream_credential(&mut tx, &domain::token_hash(secret), now).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        let found = found.filter(|row| row.login == login.user);
        let row = found.ok_or(Error::Credentials)?;
        let noted_before = now - NOTED_EVERY;
        if row.last_used_at.is_none_or(|at| at < noted_before) {
            let mut tx = self.database.begin(row.tenant_id).await?;
            store::update_stream_used(&mut tx, row.id, now, noted_before).await?;
            tx.commit().await?;
        }
        let subjects = self.bus.subjects();
        let stream = subjects.stream(streams::DOMAIN);
        let requests = outside::requests(subjects.jetstream_domain(), &stream, &row.login);
        Ok(Pass {
            publish: requests.map(|request| request.outside).into(),
            subscribe: vec![format!("{}.>", outside::inbox_prefix(&row.login))],
            subscriptions_max: streams::SUBSCRIPTIONS_MAX,
            expires_at: streams::connection_end(now, row.expires_at),
        })
    }

    /// Makes consumers that are missing, as after a restored backup, and deletes those whose credential has ended or is gone
    /// with its organisation; answers how many.
    pub async fn keep_readers(&self) -> Result<usize> {
        // Before the credentials: what is issued in between has no consumer in this list.
        let readers = self
            .bus
            .list_readers(streams::DOMAIN, streams::LOGIN_PREFIX)
            .await?;
        let mut tx = self.database.begin_any().await?;
        let open = store::list_open_streams(&mut tx, self.clock.now()).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        let logins: HashSet<&str> = open.iter().map(|row| row.login.as_str()).collect();
        let mut changed = 0;
        for name in readers
            .iter()
            .filter(|name| !logins.contains(name.as_str()))
        {
            self.bus.delete_reader(streams::DOMAIN, name).await?;
            changed += 1;
        }
        let known: HashSet<&str> = readers.iter().map(String::as_str).collect();
        // Those just issued are left to whoever issues them, who begins with the next event and not at a time.
        let settled = self.clock.now() - NOTED_EVERY;
        let is_missing = |row: &&store::StreamRow| {
            !known.contains(row.login.as_str()) && row.created_at < settled
        };
        for row in open.iter().filter(is_missing) {
            self.create_reader(row, start_of(row)).await?;
            changed += 1;
        }
        Ok(changed)
    }

    async fn create_reader(&self, row: &store::StreamRow, start: Start) -> Result<()> {
        let events: Vec<StreamEvent> = row
            .events
            .iter()
            .filter_map(|number| StreamEvent::try_from(*number).ok())
            .collect();
        let reader = Reader {
            domain: streams::DOMAIN,
            name: &row.login,
            tenant: row.tenant_id,
            events: streams::messages(&events),
            start,
        };
        Ok(self.bus.create_reader(&reader).await?)
    }
}

fn start_of(row: &store::StreamRow) -> Start {
    row.starts_at.map_or(Start::After(0.into()), Start::At)
}

/// The address with user and secret, which both need no encoding.
fn address(outside: &Outside, login: &str, secret: &str) -> String {
    match outside.url.split_once("://") {
        Some((scheme, host)) => format!("{scheme}://{login}:{secret}@{host}"),
        None => format!("{login}:{secret}@{}", outside.url),
    }
}
