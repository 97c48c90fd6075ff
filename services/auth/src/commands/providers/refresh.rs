//! The providers' tokens are refreshed before they end, so that they work whenever they are needed, and so that a
//! grant which the provider has withdrawn is noticed and kept no longer.

use chrono::TimeDelta;
use platform::{Coded as _, audit::Operation, error::chain};
use proto::rpc::Context;

use super::{Kept, provider::Refreshed};
use crate::{
    commands::{Commands, Result},
    domain::provider::Tokens,
    store,
};

/// After a failure, or where this process dies over it, it is tried again.
const AGAIN_AFTER: TimeDelta = TimeDelta::minutes(10);
const ACTION: &str = "auth.refresh_provider_tokens";

impl Commands {
    /// Refreshes what is due; answers how many that were.
    pub async fn refresh_provider_tokens(&self) -> Result<usize> {
        let names: Vec<String> = self.list_providers().map(|p| p.name.clone()).collect();
        let mut done = 0;
        loop {
            let now = self.clock.now();
            let mut tx = self.database.begin_any().await?;
            let due = store::claim_refresh(&mut tx, &names, now, now + AGAIN_AFTER).await?;
            tx.commit().await.map_err(platform::Error::from)?;
            let Some(link) = due else { return Ok(done) };
            self.refresh_link(&link).await?;
            done += 1;
        }
    }

    /// Outside any transaction while the provider is asked: a slow one would hold it open.
    async fn refresh_link(&self, link: &store::Link) -> Result<()> {
        let kept = self.open_kept(link)?;
        let Some(refresh_token) = kept.tokens.refresh_token else {
            return Ok(());
        };
        let provider = self.provider(&link.provider)?;
        let refreshed = provider.refresh(refresh_token.clone()).await;
        let id = link.id.to_string();
        let (tokens, operation) = match refreshed {
            Ok(Refreshed::Fresh(tokens)) => (tokens, Operation::done(ACTION, link.id)),
            Ok(Refreshed::Withdrawn) => {
                let code = platform::Code::FailedPrecondition.grpc();
                (Tokens::default(), Operation::ended(ACTION, &id, code))
            }
            Err(error) => {
                tracing::warn!(provider = %link.provider, error = %chain(&error), "tokens were not refreshed, and that is tried again");
                let operation = Operation::ended(ACTION, &id, error.code().grpc());
                return self.record_refresh(link, operation, None).await;
            }
        };
        let kept = Kept {
            email: kept.email,
            tokens,
        };
        self.record_refresh(link, operation, Some((&refresh_token, kept)))
            .await
    }

    /// Keeps new tokens, unless a sign-in brought others meanwhile, and records how it went.
    async fn record_refresh(
        &self,
        link: &store::Link,
        operation: Operation,
        fresh: Option<(&str, Kept)>,
    ) -> Result<()> {
        let (mut tx, tenant) = self.begin_for(link.user_id).await?;
        if let Some((used, kept)) = fresh {
            let present = store::claim_link(tx.connection(), link.id).await?;
            // Unlinked meanwhile.
            let Some(present) = present else {
                return Ok(());
            };
            let present = self.open_kept(&present)?.tokens.refresh_token;
            if present.as_deref() == Some(used) {
                let sealed = self.seal_kept(link.id, &kept)?;
                let refresh_at = kept.tokens.renewed_at(self.clock.now());
                store::update_link_refreshed(tx.connection(), link.id, &sealed, refresh_at).await?;
            }
        }
        if tenant.is_some() {
            let context = Context::system("provider-tokens");
            let operation = operation.changed("provider", "", &link.provider);
            tx.record(&context, operation).await?;
        }
        Ok(tx.commit().await?)
    }
}
