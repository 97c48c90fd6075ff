//! A company in a world of the test's own: somebody signed in, with quotes to upload. Deliberately
//! through the client that users have.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part"
)]

use std::{path::PathBuf, time::Duration};

use indicatif::ProgressBar;
use proto::{
    auth::{AddMemberRequest, Role},
    ingestion::{ColumnMapping, Dataset, TargetField, UploadDatasetResponse, UploadHeader},
    training::Model,
};
use testkit::{TestResult, World};
use valutai::{
    args::Secret,
    client::{Connection, auth, datasets, models},
    sample,
    server::stack::SERVICES,
};

pub const PASSWORD: &str = "a password of the test";
const TIMEOUT: Duration = Duration::from_secs(60);

/// Somebody of an organisation, signed in.
#[derive(Debug, Clone)]
pub struct Person {
    pub connection: Connection,
    pub token: String,
    pub endpoint: String,
}

pub async fn world() -> TestResult<World> {
    World::running(&SERVICES).await
}

pub async fn sign_up(world: &World, name: &str) -> TestResult<Person> {
    let endpoint = world.endpoint()?;
    let anonymous = Connection::connect(&endpoint, None, TIMEOUT).await?;
    let email = format!("{name}@example.com");
    let password = Secret::verbatim(PASSWORD);
    let reply = auth::sign_up(&anonymous, &email, &format!("{name} Ltd"), &password).await?;
    Ok(Person {
        connection: anonymous.with_token(&reply.token)?,
        token: reply.token,
        endpoint,
    })
}

/// Adds somebody with a role to the owner's organisation, and signs them in.
pub async fn add_member(owner: &Person, name: &str, role: Role) -> TestResult<Person> {
    let email = format!("{name}@example.com");
    let request = AddMemberRequest {
        email: email.clone(),
        password: PASSWORD.to_owned(),
        role: role as i32,
    };
    owner.connection.auth().add_member(request).await?;
    let anonymous = Connection::connect(&owner.endpoint, None, TIMEOUT).await?;
    let reply = auth::sign_in(&anonymous, &email, &Secret::verbatim(PASSWORD)).await?;
    Ok(Person {
        connection: anonymous.with_token(&reply.token)?,
        token: reply.token,
        endpoint: owner.endpoint.clone(),
    })
}

/// A file that is gone when the value is.
#[derive(Debug)]
pub struct TempFile(pub PathBuf);

impl TempFile {
    pub fn new(content: &[u8]) -> TestResult<Self> {
        let name = format!("valutai-test-{}.csv", uuid::Uuid::now_v7().simple());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content)?;
        Ok(Self(path))
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub fn history(rows: usize, seed: u64) -> TestResult<Vec<u8>> {
    let mut file = Vec::new();
    sample::csv::write_history(&mut file, &sample::generate(rows, seed))?;
    Ok(file)
}

pub fn mapping(field: TargetField, column: &str) -> ColumnMapping {
    ColumnMapping {
        field: field as i32,
        column: column.to_owned(),
    }
}

pub async fn upload(
    person: &Person,
    content: &[u8],
    header: UploadHeader,
) -> valutai::Result<UploadDatasetResponse> {
    let file = TempFile::new(content).map_err(|error| valutai::Error::Failed(error.to_string()))?;
    datasets::upload(&person.connection, header, &file.0, &ProgressBar::hidden()).await
}

pub async fn import(person: &Person, content: &[u8]) -> TestResult<Dataset> {
    let reply = upload(person, content, UploadHeader::default()).await?;
    let hidden = ProgressBar::hidden();
    let dataset = datasets::wait_until_imported(&person.connection, &reply.id, &hidden).await?;
    assert_eq!(dataset.problem, "");
    Ok(dataset)
}

pub async fn train(person: &Person, dataset_id: &str) -> TestResult<Model> {
    let started = models::train(&person.connection, dataset_id, 1, "").await?;
    let hidden = ProgressBar::hidden();
    let model = models::wait_until_trained(&person.connection, &started.id, &hidden).await?;
    assert_eq!(model.problem, "");
    Ok(model)
}
