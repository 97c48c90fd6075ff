//! Lists of quotes. Personal columns are decrypted only where asked for, and that is audited.

use platform::crypto;
use proto::rpc::{Caller, Context};

use super::{Commands, Result};
use crate::{
    Error,
    domain::{query::QuoteQuery, rows},
    store::{self, QuoteRow},
};

/// A quote of a list.
#[derive(Debug)]
pub struct ListedQuote {
    pub row: QuoteRow,
    /// The personal columns as a JSON object; empty where not asked for.
    pub personal: String,
}

impl Commands {
    pub async fn list_quotes(
        &self,
        context: &Context,
        caller: &Caller,
        query: &QuoteQuery,
        include_personal: bool,
    ) -> Result<Vec<ListedQuote>> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        store::find_dataset(&mut tx, query.dataset_id)
            .await?
            .ok_or(Error::NoDataset(query.dataset_id))?;
        let quotes = store::list_quotes(&mut tx, query).await?;
        if include_personal {
            tx.audit(context, "ingestion.read_personal_columns", query.dataset_id)
                .await?;
        }
        tx.commit().await?;
        if !include_personal {
            let listed = |row| ListedQuote {
                row,
                personal: String::new(),
            };
            return Ok(quotes.into_iter().map(listed).collect());
        }
        let tenant = caller.tenant_id;
        let key = self.keys.data_key(tenant).await?;
        quotes
            .into_iter()
            .map(|row| {
                let personal = match &row.personal {
                    Some(sealed) => {
                        let context = rows::personal_context(tenant, row.id);
                        let plain = crypto::open(&key, &context, sealed, "a personal column")?;
                        String::from_utf8_lossy(&plain).into_owned()
                    }
                    None => String::new(),
                };
                Ok(ListedQuote { row, personal })
            })
            .collect()
    }
}
