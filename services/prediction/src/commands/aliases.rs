//! Models that are asked by a name. Deliberately without the champion's, who is found as the one that
//! answers by default.

use std::time::Duration;

use platform::{page::parse_id, patience::eventually};
use proto::{
    rpc::{Caller, Context},
    training::{ListModelAliasesRequest, training_nats},
};
use uuid::Uuid;

use super::{Commands, Result};
use crate::{Error, store};

/// The model that answers by default.
const CHAMPION: &str = "champion";
/// Longest wait for the news of a name that training knows.
const NEWS_PATIENCE: Duration = Duration::from_secs(10);

impl Commands {
    /// The model that a caller means by an id, a name, or nothing; `None` is the champion.
    pub async fn wanted_model(
        &self,
        context: &Context,
        caller: &Caller,
        text: &str,
    ) -> Result<Option<Uuid>> {
        if text.is_empty() || text == CHAMPION {
            return Ok(None);
        }
        if !is_name(text) {
            return Ok(Some(parse_id("model_id", text)?));
        }
        if let Some(id) = self.find_alias(caller.tenant_id, text).await? {
            return Ok(Some(id));
        }
        // The news of it may still be on its way.
        let answer = training_nats::Client(self.kit.transport.clone())
            .list_model_aliases(context, ListModelAliasesRequest {})
            .await
            .map_err(platform::Error::from)?;
        if !answer.aliases.iter().any(|alias| alias.alias == text) {
            return Err(Error::NoAlias(text.to_owned()));
        }
        let found = eventually(NEWS_PATIENCE, || self.find_alias(caller.tenant_id, text)).await?;
        found.map(Some).ok_or(Error::ModelOnItsWay)
    }

    async fn find_alias(&self, tenant: Uuid, name: &str) -> Result<Option<Uuid>> {
        let mut tx = self.kit.database().begin(tenant).await?;
        let found = store::find_alias(&mut tx, name).await?;
        tx.commit().await?;
        Ok(found)
    }
}

/// Whether a text can be a name, by the rules of training; no id can.
fn is_name(text: &str) -> bool {
    text.len() < 32
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_no_names() {
        assert!(is_name("challenger") && is_name("last-year"));
        let id = "abcdef01-2345-6789-abcd-ef0123456789";
        for other in [id, &id.replace('-', ""), "", "Challenger", "7", "a b"] {
            assert!(!is_name(other), "{other}");
        }
    }
}
