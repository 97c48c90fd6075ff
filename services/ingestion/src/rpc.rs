//! The calls that ingestion answers: wire types in, commands, wire types out. Deliberately no rules.

use platform::{
    page::{Page, parse_id},
    wire::timestamp,
};
use prost::Message;
use proto::{
    ingestion::{self as pb, ingestion_nats::IngestionService},
    rpc::Context,
};
use tonic::Status;
use uuid::Uuid;

use crate::{
    Error,
    commands::{Commands, Upload},
    domain::{self, State, meaning},
    store,
};

/// Lists end early rather than outgrow a message of the bus.
const ANSWER_BYTES: usize = 512 * 1024;

/// Answers the service's calls.
#[derive(Debug)]
pub struct Rpc {
    commands: Commands,
}

impl Rpc {
    pub fn new(commands: Commands) -> Self {
        Self { commands }
    }
}

#[async_trait::async_trait]
impl IngestionService for Rpc {
    async fn register_upload(
        &self,
        context: Context,
        request: pb::RegisterUploadRequest,
    ) -> Result<pb::RegisterUploadResponse, Status> {
        let header = request.header.ok_or(Error::Incomplete("header"))?;
        let upload = Upload {
            name: domain::dataset_name(&header.name, &header.file_name),
            given: meaning::given(&header.mappings)?,
            ignored: header.ignored_columns,
            dry_run: header.dry_run,
            blob: request.blob.ok_or(Error::Incomplete("content"))?,
        };
        let registered = self
            .commands
            .register_upload(&context, context.caller()?, upload)
            .await?;
        let dataset = registered.dataset.map(dataset_message);
        Ok(pb::RegisterUploadResponse {
            id: dataset
                .as_ref()
                .map(|dataset| dataset.id.clone())
                .unwrap_or_default(),
            dataset,
            report: Some(registered.report),
        })
    }

    async fn get_dataset(
        &self,
        context: Context,
        request: pb::GetDatasetRequest,
    ) -> Result<pb::GetDatasetResponse, Status> {
        let id = parse_id("id", &request.id)?;
        let dataset = self.commands.get_dataset(context.caller()?, id).await?;
        Ok(pb::GetDatasetResponse {
            dataset: Some(dataset_message(dataset)),
        })
    }

    async fn list_datasets(
        &self,
        context: Context,
        request: pb::ListDatasetsRequest,
    ) -> Result<pb::ListDatasetsResponse, Status> {
        let page = Page::parse(request.page_size, &request.page_token)?;
        let found = self
            .commands
            .list_datasets(context.caller()?, &page)
            .await?;
        let ids: Vec<Uuid> = found.iter().map(|dataset| dataset.id).collect();
        let (datasets, cut) = fitting(found.into_iter().map(dataset_message).collect());
        let next_page_token = match datasets.last() {
            Some(last) if cut => last.id.clone(),
            _ => page.next_token(&ids),
        };
        Ok(pb::ListDatasetsResponse {
            datasets,
            next_page_token,
        })
    }

    async fn delete_dataset(
        &self,
        context: Context,
        request: pb::DeleteDatasetRequest,
    ) -> Result<pb::DeleteDatasetResponse, Status> {
        let id = parse_id("id", &request.id)?;
        self.commands
            .delete_dataset(&context, context.caller()?, id)
            .await?;
        Ok(pb::DeleteDatasetResponse {})
    }

    async fn list_quotes(
        &self,
        context: Context,
        request: pb::ListQuotesRequest,
    ) -> Result<pb::ListQuotesResponse, Status> {
        let dataset_id = parse_id("dataset_id", &request.dataset_id)?;
        let size = Page::parse(request.page_size, "")?.size;
        let after = parse_row(&request.page_token)?;
        let found = self
            .commands
            .list_quotes(context.caller()?, dataset_id, after, size)
            .await?;
        let full = i64::try_from(found.len()).is_ok_and(|n| n == size);
        let (quotes, cut) = fitting(found.into_iter().map(quote_message).collect());
        let next_page_token = match quotes.last() {
            Some(last) if full || cut => last.row.to_string(),
            _ => String::new(),
        };
        Ok(pb::ListQuotesResponse {
            quotes,
            next_page_token,
        })
    }
}

/// The row behind which a page of quotes begins.
fn parse_row(token: &str) -> Result<i32, Error> {
    if token.is_empty() {
        return Ok(0);
    }
    let row = token.parse().ok().filter(|row: &i32| *row > 0);
    row.ok_or_else(|| {
        Error::Platform(platform::Error::Malformed {
            what: "page_token",
            value: token.chars().take(80).collect(),
            remedy: "send next_page_token of the answer before, or nothing",
        })
    })
}

/// As many of the messages as one answer holds, one at least, and whether some were cut off.
fn fitting<M: Message>(mut messages: Vec<M>) -> (Vec<M>, bool) {
    let mut bytes = 0;
    let kept = messages
        .iter()
        .take_while(|message| {
            bytes += message.encoded_len();
            bytes <= ANSWER_BYTES
        })
        .count()
        .max(1);
    let cut = kept < messages.len();
    messages.truncate(kept);
    (messages, cut)
}

fn dataset_message(dataset: store::DatasetRow) -> pb::Dataset {
    let state = match State::of(&dataset.state) {
        State::Importing => pb::DatasetState::Importing,
        State::Ready => pb::DatasetState::Ready,
        State::Failed => pb::DatasetState::Failed,
    };
    let count = |rows: i64| u32::try_from(rows).unwrap_or(u32::MAX);
    pb::Dataset {
        id: dataset.id.to_string(),
        name: dataset.name,
        state: state as i32,
        row_count: count(dataset.row_count),
        won_count: count(dataset.won_count),
        lost_count: count(dataset.lost_count),
        created_at: Some(timestamp(dataset.created_at)),
        created_by: dataset.created_by.to_string(),
        problem: dataset.problem,
        columns: meaning::restore_columns(dataset.columns.0),
    }
}

fn quote_message(quote: store::QuoteRow) -> pb::Quote {
    pb::Quote {
        id: quote.id.to_string(),
        row: u32::try_from(quote.row).unwrap_or_default(),
        won: quote.won,
        quoted_on: quote.quoted_on.to_string(),
        price_minor: quote.price_minor,
        raw_json: quote.raw,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_end_early_and_say_so() {
        let quote = |bytes: usize| pb::Quote {
            raw_json: "x".repeat(bytes),
            ..Default::default()
        };
        let (kept, cut) = fitting(vec![quote(200_000); 5]);
        assert_eq!((kept.len(), cut), (2, true));
        let (kept, cut) = fitting(vec![quote(600_000); 2]);
        assert_eq!((kept.len(), cut), (1, true));
        let (kept, cut) = fitting(vec![quote(1); 3]);
        assert_eq!((kept.len(), cut), (3, false));
        assert_eq!(fitting::<pb::Quote>(Vec::new()), (Vec::new(), false));
    }

    #[test]
    fn page_tokens_of_quotes_are_rows() {
        assert_eq!(parse_row("").unwrap(), 0);
        assert_eq!(parse_row("17").unwrap(), 17);
        for bad in ["-1", "0", "x", "99999999999"] {
            assert!(parse_row(bad).is_err(), "{bad}");
        }
    }
}
