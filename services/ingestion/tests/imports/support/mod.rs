//! What the tests of imports share: an organisation, its uploads, and what they became.

use platform::{
    blobs::Blobs,
    keys::{KeyRing, RemoteKeys},
    rpc::NatsTransport,
};
use proto::{
    auth::{self as auth_pb, auth_nats},
    common::BlobRef,
    ingestion::{self as pb, ingestion_nats::Client},
    rpc::{Caller, Context},
};
use std::{collections::BTreeMap, sync::Arc};
use testkit::{TestResult, World, eventually};
use uuid::Uuid;

/// An organisation with an owner who is signed in.
pub struct Tenant {
    pub context: Context,
    pub id: Uuid,
    pub blobs: Blobs,
    pub ingestion: Client<NatsTransport>,
}

pub async fn tenant(world: &World, email: &str) -> TestResult<Tenant> {
    let transport = NatsTransport::new(world.bus().await?);
    let request = auth_pb::SignUpRequest {
        email: email.to_owned(),
        password: platform::config::Key::generate().to_base64(),
        organization_name: "Test".to_owned(),
    };
    let signed = auth_nats::Client(transport.clone())
        .sign_up(&Context::system("test"), request)
        .await?;
    let id = Uuid::try_parse(&signed.organization_id)?;
    let keys = KeyRing::new(
        world.launch.kek.clone(),
        Arc::new(RemoteKeys(auth_nats::Client(transport.clone()))),
    );
    Ok(Tenant {
        context: Context {
            caller: Some(Caller {
                user_id: Uuid::try_parse(&signed.id)?,
                tenant_id: id,
                role: auth_pb::Role::Owner,
                session_id: Uuid::now_v7(),
            }),
            request_id: "test".to_owned(),
            ..Context::default()
        },
        id,
        blobs: Blobs::local(&world.launch.config_for("test")?.blob_dir, keys)?,
        ingestion: Client(transport),
    })
}

impl Tenant {
    pub async fn upload(
        &self,
        text: &[u8],
        header: pb::UploadHeader,
    ) -> TestResult<(BlobRef, Result<pb::RegisterUploadResponse, tonic::Status>)> {
        let blob = self.blobs.put(self.id, "upload", text).await?;
        let request = pb::RegisterUploadRequest {
            header: Some(header),
            blob: Some(blob.clone()),
        };
        let answer = self.ingestion.register_upload(&self.context, request).await;
        Ok((blob, answer))
    }

    pub async fn dataset(&self, id: &str) -> Result<pb::Dataset, tonic::Status> {
        let request = pb::GetDatasetRequest { id: id.to_owned() };
        let answer = self.ingestion.get_dataset(&self.context, request).await?;
        Ok(answer.dataset.unwrap_or_default())
    }

    pub async fn quotes(
        &self,
        id: &str,
        token: &str,
    ) -> Result<pb::ListQuotesResponse, tonic::Status> {
        let request = pb::ListQuotesRequest {
            dataset_id: id.to_owned(),
            page_size: 30,
            page_token: token.to_owned(),
            order: pb::QuoteOrder::Row as i32,
            ..pb::ListQuotesRequest::default()
        };
        self.ingestion.list_quotes(&self.context, request).await
    }

    pub async fn until_ready(&self, id: &str) -> TestResult<pb::Dataset> {
        eventually("the dataset is ready", || async {
            Ok(self.dataset(id).await?.state() == pb::DatasetState::Ready)
        })
        .await?;
        Ok(self.dataset(id).await?)
    }
}

pub fn header(dry_run: bool) -> pb::UploadHeader {
    pb::UploadHeader {
        file_name: "quotes.csv".to_owned(),
        dry_run,
        ..pb::UploadHeader::default()
    }
}

/// Quotes over many years.
pub fn history(rows: usize) -> String {
    let mut text = "Quote,Outcome,Price,Quote Date,Region,Note\n".to_owned();
    for row in 0..rows {
        let (won, year) = (["won", "lost", "lost"][row % 3], 1990 + row % 30);
        text.push_str(&format!(
            "Q{row},{won},{}.25,{year}-0{}-15,{},\"a, \"\"b\"\"\"\n",
            100 + row * 7 % 913,
            row % 9 + 1,
            ["North", "South"][row / 2 % 2],
        ));
    }
    text
}

pub async fn count(world: &World, sql: &'static str) -> TestResult<i64> {
    let mut admin = world.admin().await?;
    Ok(sqlx::query_scalar(sql).fetch_one(&mut admin).await?)
}

impl Tenant {
    /// Imports a file and waits until it is done.
    pub async fn import(&self, text: &str, header: pb::UploadHeader) -> TestResult<pb::Import> {
        let (_, answer) = self.upload(text.as_bytes(), header).await?;
        let import = answer?.import.ok_or("an import is answered")?;
        self.until(&import.id, pb::ImportState::Done).await
    }

    pub async fn until(&self, id: &str, state: pb::ImportState) -> TestResult<pb::Import> {
        let read = || async {
            let request = pb::GetImportRequest { id: id.to_owned() };
            let answer = self.ingestion.get_import(&self.context, request).await?;
            Ok::<_, tonic::Status>(answer.import.unwrap_or_default())
        };
        eventually("the import is there", || async {
            let import = read().await?;
            assert_ne!(
                import.state(),
                pb::ImportState::Failed,
                "{}",
                import.problem
            );
            Ok(import.state() == state)
        })
        .await?;
        Ok(read().await?)
    }

    pub async fn undo(&self, id: &str) -> Result<pb::Import, tonic::Status> {
        let request = pb::UndoImportRequest { id: id.to_owned() };
        let answer = self.ingestion.undo_import(&self.context, request).await?;
        Ok(answer.import.unwrap_or_default())
    }

    pub async fn list(&self, request: pb::ListQuotesRequest) -> TestResult<Vec<pb::Quote>> {
        let mut all = Vec::new();
        let mut request = request;
        loop {
            let page = self
                .ingestion
                .list_quotes(&self.context, request.clone())
                .await?;
            all.extend(page.quotes);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Every quote that counts, by its identifier: revision, outcome, price, and what was derived.
    pub async fn state(&self, dataset: &str) -> TestResult<BTreeMap<String, String>> {
        let request = pb::ListQuotesRequest {
            dataset_id: dataset.to_owned(),
            page_size: 7,
            include_personal: true,
            ..Default::default()
        };
        let told = |quote: pb::Quote| {
            let derived: BTreeMap<String, serde_json::Value> =
                serde_json::from_str(&quote.derived_json).expect("is JSON");
            let text = format!(
                "{} {:?} {} {} {} {derived:?}",
                quote.revision,
                quote.outcome(),
                quote.price_minor,
                quote.raw_json,
                quote.personal_json
            );
            (quote.quote_ref, text)
        };
        Ok(self.list(request).await?.into_iter().map(told).collect())
    }
}
