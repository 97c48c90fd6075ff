//! The calls that ingestion answers: wire types in, commands, wire types out. Deliberately no rules.

mod messages;

use platform::page::{Page, parse_id};
use proto::{
    ingestion::{self as pb, ingestion_nats::IngestionService},
    rpc::Context,
};
use tonic::Status;
use uuid::Uuid;

use crate::{Error, commands::Commands, domain::query::QuoteQuery};
use messages::{
    dataset_message, fitting, import_message, optional_id, parse_row, quarantined_message,
    quote_message, token, upload,
};

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
        let only_check = request.header.as_ref().is_some_and(|header| header.dry_run);
        let upload = upload(request.header, request.blob)?;
        if only_check {
            let caller = context.caller()?;
            let report = self.commands.check_upload(&context, caller, upload).await?;
            return Ok(pb::RegisterUploadResponse {
                report: Some(report),
                ..pb::RegisterUploadResponse::default()
            });
        }
        let registered = self
            .commands
            .register_upload(&context, context.caller()?, upload)
            .await?;
        Ok(pb::RegisterUploadResponse {
            id: registered.dataset.id.to_string(),
            dataset: Some(dataset_message(registered.dataset)),
            report: Some(registered.report),
            import: Some(import_message(registered.import)),
            already_imported: registered.already_imported,
        })
    }

    async fn inspect_upload(
        &self,
        context: Context,
        request: pb::InspectUploadRequest,
    ) -> Result<pb::InspectUploadResponse, Status> {
        let upload = upload(request.header, request.blob)?;
        let previewed = self
            .commands
            .inspect_upload(&context, context.caller()?, upload)
            .await?;
        Ok(pb::InspectUploadResponse {
            preview: Some(previewed.preview),
            errors: previewed.errors,
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

    async fn get_import(
        &self,
        context: Context,
        request: pb::GetImportRequest,
    ) -> Result<pb::GetImportResponse, Status> {
        let id = parse_id("id", &request.id)?;
        let import = self.commands.get_import(context.caller()?, id).await?;
        Ok(pb::GetImportResponse {
            import: Some(import_message(import)),
        })
    }

    async fn list_imports(
        &self,
        context: Context,
        request: pb::ListImportsRequest,
    ) -> Result<pb::ListImportsResponse, Status> {
        let page = Page::parse(request.page_size, &request.page_token)?;
        let dataset_id = optional_id("dataset_id", &request.dataset_id)?;
        let found = self
            .commands
            .list_imports(context.caller()?, dataset_id, &page)
            .await?;
        let ids: Vec<Uuid> = found.iter().map(|import| import.id).collect();
        Ok(pb::ListImportsResponse {
            imports: found.into_iter().map(import_message).collect(),
            next_page_token: page.next_token(&ids),
        })
    }

    async fn undo_import(
        &self,
        context: Context,
        request: pb::UndoImportRequest,
    ) -> Result<pb::UndoImportResponse, Status> {
        let id = parse_id("id", &request.id)?;
        let import = self
            .commands
            .undo_import(&context, context.caller()?, id)
            .await?;
        Ok(pb::UndoImportResponse {
            import: Some(import_message(import)),
        })
    }

    async fn list_quarantined_rows(
        &self,
        context: Context,
        request: pb::ListQuarantinedRowsRequest,
    ) -> Result<pb::ListQuarantinedRowsResponse, Status> {
        let import_id = parse_id("import_id", &request.import_id)?;
        let size = Page::parse(request.page_size, "")?.size;
        let after = parse_row(&request.page_token)?;
        let found = self
            .commands
            .list_quarantined(&context, context.caller()?, import_id, after, size)
            .await?;
        let full = i64::try_from(found.len()).is_ok_and(|n| n == size);
        let rows = found.into_iter().map(quarantined_message);
        let (rows, cut) = fitting(rows.collect::<Result<_, Error>>()?);
        let next_page_token = match rows.last() {
            Some(last) if full || cut => last.row.to_string(),
            _ => String::new(),
        };
        Ok(pb::ListQuarantinedRowsResponse {
            rows,
            next_page_token,
        })
    }

    async fn list_quotes(
        &self,
        context: Context,
        request: pb::ListQuotesRequest,
    ) -> Result<pb::ListQuotesResponse, Status> {
        let dataset_id = parse_id("dataset_id", &request.dataset_id)?;
        let size = Page::parse(request.page_size, "")?.size;
        let order = request.order();
        let filter = request.filter.unwrap_or_default();
        let query = QuoteQuery::parse(dataset_id, filter, order, &request.page_token, size)?;
        let found = self
            .commands
            .list_quotes(
                &context,
                context.caller()?,
                &query,
                request.include_personal,
            )
            .await?;
        let full = i64::try_from(found.len()).is_ok_and(|n| n == size);
        let tokens: Vec<String> = found
            .iter()
            .map(|quote| token(query.order, &quote.row))
            .collect();
        let (quotes, cut) = fitting(found.into_iter().map(quote_message).collect());
        let last = quotes
            .len()
            .checked_sub(1)
            .and_then(|last| tokens.get(last));
        Ok(pb::ListQuotesResponse {
            next_page_token: match last {
                Some(token) if full || cut => token.clone(),
                _ => String::new(),
            },
            quotes,
        })
    }
}
