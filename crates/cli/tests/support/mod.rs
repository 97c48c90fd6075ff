//! A company in a world of the test's own: somebody signed in, with quotes to upload. Deliberately
//! through the client that users have.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part"
)]

use std::{path::PathBuf, sync::LazyLock, time::Duration};

use indicatif::ProgressBar;
use proto::{
    auth::{AcceptInvitationRequest, InviteMemberRequest, Role},
    ingestion::{ColumnMapping, Dataset, TargetField, UploadDatasetResponse, UploadHeader},
    training::Model,
};
use testkit::{TestResult, World, eventually};
use valutai::{
    args::Secret,
    client::{Connection, auth, datasets, models},
    sample,
    server::stack::SERVICES,
};

pub static PASSWORD: LazyLock<String> =
    LazyLock::new(|| platform::config::Key::generate().to_base64());
const TIMEOUT: Duration = Duration::from_secs(60);

/// Somebody of an organisation, signed in.
#[derive(Debug, Clone)]
pub struct Person {
    pub connection: Connection,
    pub token: String,
    pub endpoint: String,
    /// Where the system leaves its mail.
    pub mail_dir: PathBuf,
}

pub async fn world() -> TestResult<World> {
    World::running(&SERVICES).await
}

pub async fn sign_up(world: &World, name: &str) -> TestResult<Person> {
    sign_up_at(world.endpoint()?, world.mail_dir(), name).await
}

/// The same at a gateway that is not this process's.
pub async fn sign_up_at(endpoint: String, mail_dir: PathBuf, name: &str) -> TestResult<Person> {
    let anonymous = Connection::connect(&endpoint, None, TIMEOUT).await?;
    let email = format!("{name}@example.com");
    let password = Secret::verbatim(&PASSWORD);
    let reply = auth::sign_up(&anonymous, &email, &format!("{name} Ltd"), &password).await?;
    Ok(Person {
        connection: anonymous.with_token(&reply.token)?,
        token: reply.token,
        endpoint,
        mail_dir,
    })
}

/// Invites somebody with a role into the owner's organisation, and accepts by the mail.
pub async fn add_member(owner: &Person, name: &str, role: Role) -> TestResult<Person> {
    let email = format!("{name}@example.com");
    let request = InviteMemberRequest {
        email: email.clone(),
        role: role as i32,
    };
    owner.connection.auth().invite_member(request).await?;
    let mut token = String::new();
    eventually("the invitation is sent", || {
        token = mail(&owner.mail_dir, &email, "Subject: Join").unwrap_or_default();
        let is_there = !token.is_empty();
        async move { Ok(is_there) }
    })
    .await?;
    let anonymous = Connection::connect(&owner.endpoint, None, TIMEOUT).await?;
    let request = AcceptInvitationRequest {
        token,
        password: PASSWORD.clone(),
        totp_code: String::new(),
    };
    let reply = anonymous.auth().accept_invitation(request).await?;
    let token = reply.into_inner().token;
    Ok(Person {
        connection: anonymous.with_token(&token)?,
        token,
        ..owner.clone()
    })
}

/// The token in the newest mail to an address under a subject, once there is one.
pub fn mail(dir: &std::path::Path, email: &str, subject: &str) -> Option<String> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .ok()?
        .filter_map(|file| Some(file.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "txt"))
        .collect();
    files.sort();
    let texts = files.iter().rev().map(std::fs::read_to_string);
    let text = texts
        .flatten()
        .find(|text| text.contains(&format!("To: {email}\n")) && text.contains(subject))?;
    let mut words = text.split_whitespace();
    Some(words.find(|word| word.starts_with("vam_"))?.to_owned())
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

/// What there is of a tenant past all policies: rows by table, and files.
pub async fn left_of(world: &World, tenant: &str) -> TestResult<(Vec<(String, i64)>, usize)> {
    let dir = world.launch.blob_dir.join(tenant);
    let mut files = 0;
    let mut open = vec![dir];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten() {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                files += 1;
            }
        }
    }
    Ok((rows(world, tenant).await?, files))
}

/// The tables that have rows of a tenant, with how many.
pub async fn rows(world: &World, tenant: &str) -> TestResult<Vec<(String, i64)>> {
    let mut admin = world.admin().await?;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
         WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1",
    )
    .fetch_all(&mut admin)
    .await?;
    let mut found = Vec::new();
    for table in tables {
        let query = format!("SELECT count(*) FROM {table} WHERE tenant_id = $1::uuid");
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
            .bind(tenant)
            .fetch_one(&mut admin)
            .await?;
        if count > 0 {
            found.push((table, count));
        }
    }
    Ok(found)
}
