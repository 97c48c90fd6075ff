//! A unit of work outside any tenant, for what comes before a tenant is known. Deliberately without events and audit, which
//! belong to tenants.

use std::ops::{Deref, DerefMut};

use sqlx::{PgConnection, Postgres, Transaction};
use tracing::Span;

/// An open transaction; what is not committed is rolled back when it is dropped.
#[derive(Debug)]
pub struct AnyTx {
    tx: Transaction<'static, Postgres>,
    /// Lasts as long as the transaction.
    _span: Span,
}

impl AnyTx {
    pub(super) fn new(tx: Transaction<'static, Postgres>, span: Span) -> Self {
        Self { tx, _span: span }
    }

    /// Commits.
    ///
    /// # Errors
    /// Where Postgres says no.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.tx.commit().await
    }
}

impl Deref for AnyTx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.tx
    }
}

impl DerefMut for AnyTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.tx
    }
}
