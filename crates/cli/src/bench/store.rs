//! The SQL of the benchmarks: the twin of the quote table, its rows as a file, and the way of
//! `\copy` where psql is missing. As an administrator; deliberately nothing that the product uses.

use std::path::Path;

use futures::TryStreamExt as _;
use platform::launch::Launch;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions,
};
use tokio::{
    fs::File,
    io::{AsyncWriteExt as _, BufWriter},
};
use uuid::Uuid;

use crate::error::{Error, Result};

/// A connection with an administrator's rights.
#[derive(Debug)]
pub struct Store {
    admin: PgConnection,
    /// Where it leads, for programs that connect by themselves: address without password, password.
    pub address: (String, String),
    columns: String,
}

impl Store {
    /// Connects to the database of a launch.
    ///
    /// # Errors
    /// Where Postgres refuses.
    pub async fn connect(launch: &Launch) -> Result<Self> {
        let options = options(launch)?;
        let mut url = options.clone().database(&launch.database).to_url_lossy();
        let password = url.password().unwrap_or_default();
        let password = percent_encoding::percent_decode_str(password).decode_utf8_lossy();
        let password = password.into_owned();
        // Fails for addresses without a host only, and those have no password.
        let _ = url.set_password(None);
        // Settings of the driver, which psql does not know.
        url.set_query(None);
        let mut admin = options
            .database(&launch.database)
            .connect()
            .await
            .map_err(failed)?;
        let columns = list_columns(&mut admin).await?;
        Ok(Self {
            admin,
            address: (url.to_string(), password),
            columns,
        })
    }

    /// Removes the database of a launch.
    ///
    /// # Errors
    /// Where Postgres refuses.
    pub async fn drop_database(launch: &Launch) -> Result<()> {
        let mut admin = options(launch)?.connect().await.map_err(failed)?;
        let sql = format!("DROP DATABASE \"{}\" WITH (FORCE)", launch.database);
        execute(&mut admin, sql).await?;
        admin.close().await.map_err(failed)
    }

    /// Does at once what autovacuum does in the minutes after an import, and writes it all.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn rest(&mut self) -> Result<()> {
        execute(
            &mut self.admin,
            "VACUUM (ANALYZE) ingestion.quote".to_owned(),
        )
        .await?;
        self.checkpoint().await
    }

    /// Starts both sides from the same state: nothing waits to be written to disk.
    ///
    /// # Errors
    /// Where Postgres refuses.
    pub async fn checkpoint(&mut self) -> Result<()> {
        execute(&mut self.admin, "CHECKPOINT".to_owned()).await
    }

    /// Empties every table that imports fill, the twin too, so that each import meets the same.
    ///
    /// # Errors
    /// Where Postgres refuses.
    pub async fn delete_datasets(&mut self) -> Result<()> {
        let sql = "TRUNCATE ingestion.dataset, ingestion.remembered_mapping CASCADE;
            DROP SCHEMA IF EXISTS bench CASCADE";
        execute(&mut self.admin, sql.to_owned()).await
    }

    /// Makes the twin of the quote table anew: the same columns, partitions, indexes and references.
    ///
    /// # Errors
    /// Where it does not come out the same.
    pub async fn insert_twin(&mut self) -> Result<()> {
        let sql = "DROP SCHEMA IF EXISTS bench CASCADE;
            CREATE SCHEMA bench;
            CREATE TABLE bench.quote (LIKE ingestion.quote INCLUDING ALL) PARTITION BY RANGE (quoted_on);
            ALTER TABLE bench.quote ADD FOREIGN KEY (tenant_id, dataset_id) REFERENCES ingestion.dataset;";
        execute(&mut self.admin, sql.to_owned()).await?;
        let parts: Vec<(String, String)> = sqlx::query_as(
            "SELECT c.relname::text, pg_get_expr(c.relpartbound, c.oid)
             FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'ingestion.quote'::regclass",
        )
        .fetch_all(&mut self.admin)
        .await
        .map_err(failed)?;
        for (name, bound) in parts {
            let sql = format!("CREATE TABLE bench.\"{name}\" PARTITION OF bench.quote {bound}");
            execute(&mut self.admin, sql).await?;
        }
        let shapes: Vec<String> = sqlx::query_scalar(
            "SELECT format('%s indexes on %s tables, %s references',
                (SELECT count(*) FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid
                    WHERE t.relnamespace = n.oid AND t.relname LIKE 'quote%'),
                (SELECT count(*) FROM pg_class t WHERE t.relnamespace = n.oid
                    AND t.relname LIKE 'quote%' AND t.relkind IN ('r', 'p')),
                (SELECT count(*) FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
                    WHERE c.contype = 'f' AND t.relnamespace = n.oid AND t.relname = 'quote'))
             FROM pg_namespace n WHERE n.nspname IN ('ingestion', 'bench')",
        )
        .fetch_all(&mut self.admin)
        .await
        .map_err(failed)?;
        match shapes.as_slice() {
            [one, other] if one == other => Ok(()),
            _ => Err(Error::Failed(format!(
                "the twin of the quote table came out otherwise: {}",
                shapes.join(" against ")
            ))),
        }
    }

    /// Writes the stored quotes of a dataset to a file of Postgres's text format, in the order of
    /// their rows; answers how many.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub async fn export_quotes(&mut self, dataset: Uuid, path: &Path) -> Result<u64> {
        let sql = format!(
            "COPY (SELECT {} FROM ingestion.quote WHERE dataset_id = '{dataset}' ORDER BY row) TO STDOUT",
            self.columns
        );
        let mut file = BufWriter::new(File::create(path).await.map_err(Error::file(path))?);
        let mut rows = 0;
        let mut lines = self.admin.copy_out_raw(&sql).await.map_err(failed)?;
        while let Some(line) = lines.try_next().await.map_err(failed)? {
            rows += 1;
            file.write_all(&line).await.map_err(Error::file(path))?;
        }
        file.flush().await.map_err(Error::file(path))?;
        Ok(rows)
    }

    /// The statement that fills the twin.
    #[must_use]
    pub fn copy_statement(&self, from: &str) -> String {
        format!("copy bench.quote ({}) from {from}", self.columns)
    }

    /// Fills the twin from a file, as psql would; answers the rows.
    ///
    /// # Errors
    /// Where Postgres refuses the file.
    pub async fn insert_by_copy(&mut self, path: &Path) -> Result<u64> {
        let statement = self.copy_statement("stdin");
        let file = File::open(path).await.map_err(Error::file(path))?;
        let mut copy = self.admin.copy_in_raw(&statement).await.map_err(failed)?;
        copy.read_from(file).await.map_err(failed)?;
        copy.finish().await.map_err(failed)
    }

    /// Rows of the twin.
    ///
    /// # Errors
    /// Where Postgres refuses.
    pub async fn count_twin(&mut self) -> Result<u64> {
        self.count("bench.quote").await
    }

    /// Rows of the quote table.
    ///
    /// # Errors
    /// Where Postgres refuses.
    pub async fn count_quotes(&mut self) -> Result<u64> {
        self.count("ingestion.quote").await
    }

    /// Predictions in the ledger.
    ///
    /// # Errors
    /// Where Postgres refuses.
    pub async fn count_predictions(&mut self) -> Result<u64> {
        self.count("prediction.prediction").await
    }

    /// Events that have not left prediction's outbox.
    ///
    /// # Errors
    /// Where Postgres refuses.
    pub async fn count_outbox(&mut self) -> Result<u64> {
        self.count("prediction.outbox").await
    }

    /// Ids of the predictions of quotes whose reference begins so.
    ///
    /// # Errors
    /// Where Postgres refuses.
    pub async fn prediction_ids(&mut self, prefix: &str) -> Result<Vec<String>> {
        sqlx::query_scalar(
            "SELECT id::text FROM prediction.prediction WHERE starts_with(quote_ref, $1)",
        )
        .bind(prefix)
        .fetch_all(&mut self.admin)
        .await
        .map_err(failed)
    }

    async fn count(&mut self, table: &str) -> Result<u64> {
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(&mut self.admin)
            .await
            .map_err(failed)?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}

fn options(launch: &Launch) -> Result<PgConnectOptions> {
    let options: PgConnectOptions = launch.admin_url.expose().parse().map_err(failed)?;
    // Every statement here is slow.
    Ok(options.disable_statement_logging())
}

async fn list_columns(admin: &mut PgConnection) -> Result<String> {
    sqlx::query_scalar(
        "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
         WHERE attrelid = 'ingestion.quote'::regclass AND attnum > 0 AND NOT attisdropped
            AND attgenerated = ''",
    )
    .fetch_one(admin)
    .await
    .map_err(failed)
}

async fn execute(admin: &mut PgConnection, sql: String) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(admin)
        .await
        .map_err(failed)?;
    Ok(())
}

fn failed(error: sqlx::Error) -> Error {
    Error::Failed(platform::error::chain(&error))
}
