//! What lies in the database and in the folder of blobs after the whole product was used: nothing of what is
//! secret or personal. The search is shown to find what does lie there.

mod support;

use std::{collections::BTreeMap, fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use platform::config::{Provider, ProviderKind, Secret};
use proto::{
    auth::{
        BeginProviderSignInRequest, BeginTotpRequest, CompleteProviderSignInRequest,
        ContinueProviderSignInRequest, CreateApiKeyRequest, CreateServiceAccountRequest,
        InviteMemberRequest, Role,
    },
    ingestion::UploadHeader,
};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};
use support::{Person, mail, sign_up, train};
use testkit::{
    TestResult, World, eventually,
    openid::{Browser, OpenIdProvider},
};
use valutai::{
    client::{Connection, datasets, models, predict, reports},
    server::stack::SERVICES,
};

/// A cell that only the uploaded file has: its column is marked as personal.
const PERSONAL: &str = "maria.personal@customer.example";
/// A cell of a row that is left aside, which nobody marked.
const LEFT_ASIDE: &str = "not-a-price-qzx";
/// A word of the file's, which the database keeps in the clear so that it can be learned from.
const IN_THE_CLEAR: &str = "Quibbleton";

/// Where the browser of whoever signs in with a provider is sent back to.
const REDIRECT: &str = "http://127.0.0.1:49152/callback";

/// A history with a personal column and one row that cannot be read.
fn file() -> String {
    let mut file = String::from("quoted,price,region,contact,result\n");
    for row in 0..120_usize {
        let price = match row {
            7 => LEFT_ASIDE.to_owned(),
            _ => (900 + (row * 37) % 300).to_string(),
        };
        let (day, month) = (1 + row % 28, 1 + (row / 28) % 12);
        let region = [IN_THE_CLEAR, "South"][row % 2];
        let result = ["won", "lost"][usize::from(row % 3 == 0)];
        let contact = format!("{row}.{PERSONAL}");
        file.push_str(&format!(
            "2024-{month:02}-{day:02},{price},{region},{contact},{result}\n"
        ));
    }
    file
}

/// Every row of every table as text, by table; bytes as they are, and read as text.
async fn dump(admin: &mut PgConnection) -> TestResult<BTreeMap<String, Vec<u8>>> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')",
    )
    .fetch_all(&mut *admin)
    .await?;
    let mut all = BTreeMap::new();
    admin.execute("SET bytea_output = escape").await?;
    for table in tables {
        let query = format!("SELECT t::text FROM {table} t");
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_all(&mut *admin)
            .await?;
        all.insert(table, rows.join("\n").into_bytes());
    }
    Ok(all)
}

fn blobs(dir: &Path, found: &mut BTreeMap<String, Vec<u8>>) -> TestResult {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        match path.is_dir() {
            true => blobs(&path, found)?,
            false => {
                found.insert(path.display().to_string(), fs::read(&path)?);
            }
        }
    }
    Ok(())
}

/// The bytes that a text in base32 stands for; none where it is no such text.
fn from_base32(text: &str) -> Vec<u8> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u64, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return Vec::new(),
        };
        held = (held << 5 | u64::from(value)) & 0xffff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    bytes
}

/// Where a secret lies, as it is, in base64, or as the bytes that base32 or base64 stands for.
fn places(secret: &str, lying: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut forms = vec![
        secret.as_bytes().to_vec(),
        BASE64_STANDARD
            .encode(secret)
            .trim_end_matches('=')
            .as_bytes()
            .to_vec(),
        from_base32(secret),
        BASE64_STANDARD.decode(secret).unwrap_or_default(),
    ];
    forms.retain(|form| form.len() > 8);
    lying
        .iter()
        .filter(|(_, content)| {
            forms
                .iter()
                .any(|form| content.windows(form.len()).any(|window| window == form))
        })
        .map(|(place, _)| place.clone())
        .collect()
}

/// The secrets that a person has or had, by what they are.
async fn use_the_product(world: &World) -> TestResult<Vec<(&'static str, String)>> {
    let owner = sign_up(world, "dumped").await?;
    let mut auth = owner.connection.auth();
    let mut secrets = vec![
        ("password", support::PASSWORD.clone()),
        ("session token", owner.token.clone()),
    ];
    let key = CreateApiKeyRequest {
        name: "a key".to_owned(),
        role: Role::Analyst.into(),
        days: 3,
    };
    secrets.push((
        "API key",
        auth.create_api_key(key).await?.into_inner().token,
    ));
    let account = CreateServiceAccountRequest {
        name: "a program".to_owned(),
        role: Role::Viewer.into(),
        days: 3,
    };
    secrets.push((
        "service account's key",
        auth.create_service_account(account)
            .await?
            .into_inner()
            .token,
    ));
    let begin = BeginTotpRequest {
        password: support::PASSWORD.clone(),
    };
    let secret = auth.begin_totp(begin).await?.into_inner().secret;
    secrets.push(("secret of the second factor", secret));
    let invitation = InviteMemberRequest {
        email: "invited@example.com".to_owned(),
        role: Role::Viewer.into(),
    };
    auth.invite_member(invitation).await?;
    for (what, to, subject) in [
        (
            "token that confirms an address",
            "dumped@example.com",
            "Subject: Confirm",
        ),
        (
            "token of an invitation",
            "invited@example.com",
            "Subject: Join",
        ),
    ] {
        let mut token = String::new();
        eventually(what, || {
            token = mail(&owner.mail_dir, to, subject).unwrap_or_default();
            let is_there = !token.is_empty();
            async move { Ok(is_there) }
        })
        .await?;
        secrets.push((what, token));
    }
    learn_and_predict(&owner).await?;
    for email in ["dumped@example.com", "invited@example.com"] {
        secrets.push(("address of a person", email.to_owned()));
    }
    secrets.push(("personal cell", PERSONAL.to_owned()));
    secrets.push(("cell of a row left aside", LEFT_ASIDE.to_owned()));
    secrets.push((
        "line of the uploaded file",
        format!("{IN_THE_CLEAR},0.{PERSONAL}"),
    ));
    Ok(secrets)
}

/// A world whose people may sign in with a real provider, where there is Node to run it.
async fn world_with_provider() -> TestResult<(World, Option<OpenIdProvider>)> {
    let openid = OpenIdProvider::start().await?;
    let mut world = World::new(&SERVICES).await?;
    let corp = openid.as_ref().map(|openid| Provider {
        name: "corp".to_owned(),
        title: "Corp".to_owned(),
        kind: ProviderKind::OpenId,
        url: openid.issuer.clone(),
        client_id: openid.client_id.clone(),
        client_secret: Some(Secret::new(&openid.client_secret)),
        scopes: ["openid", "email", "offline_access"]
            .map(str::to_owned)
            .to_vec(),
        parameters: Vec::new(),
        redirect_uris: Vec::new(),
        trust_email: false,
    });
    world.launch.accounts.providers = corp.into_iter().collect();
    world.start().await?;
    Ok((world, openid))
}

/// Somebody makes an account by a provider; what the provider gave out, by what it is.
async fn sign_up_with(
    world: &World,
    openid: &OpenIdProvider,
) -> TestResult<Vec<(&'static str, String)>> {
    let timeout = std::time::Duration::from_secs(60);
    let anonymous = Connection::connect(&world.endpoint()?, None, timeout).await?;
    let mut auth = anonymous.auth();
    let begin = BeginProviderSignInRequest {
        provider: "corp".to_owned(),
        redirect_uri: REDIRECT.to_owned(),
    };
    let begun = auth.begin_provider_sign_in(begin).await?.into_inner();
    let url = &begun.authorization_url;
    let mut back = Browser::new()?.go(url, "hopper", REDIRECT).await?;
    let mut taken = |name: &str| back.remove(name).unwrap_or_default();
    let complete = CompleteProviderSignInRequest {
        flow_token: begun.flow_token.clone(),
        state: taken("state"),
        code: taken("code"),
        iss: taken("iss"),
    };
    let code = complete.code.clone();
    let pending = auth.complete_provider_sign_in(complete).await?.into_inner();
    let go_on = ContinueProviderSignInRequest {
        pending_token: pending.pending_token.clone(),
        organization_name: "Hopper Ltd".to_owned(),
        ..ContinueProviderSignInRequest::default()
    };
    auth.continue_provider_sign_in(go_on).await?;
    let mut secrets = vec![
        ("secret of a flow", begun.flow_token),
        ("code of a provider", code),
        ("secret of a pending sign-in", pending.pending_token),
        (
            "secret of the provider's client",
            openid.client_secret.clone(),
        ),
        ("address of the provider's account", pending.email),
    ];
    let issued = openid.issued();
    for (what, field) in [
        ("access token of a provider", "access_token"),
        ("refresh token of a provider", "refresh_token"),
        ("identity token of a provider", "id_token"),
    ] {
        let tokens: Vec<&str> = issued
            .iter()
            .filter_map(|answer| answer[field].as_str())
            .collect();
        assert!(!tokens.is_empty(), "no {what} was given out: {issued:?}");
        secrets.extend(tokens.into_iter().map(|token| (what, token.to_owned())));
    }
    Ok(secrets)
}

async fn learn_and_predict(owner: &Person) -> TestResult {
    let header = UploadHeader {
        personal_columns: vec!["contact".to_owned()],
        leave_bad_rows_aside: true,
        ..UploadHeader::default()
    };
    let reply = support::upload(owner, file().as_bytes(), header).await?;
    let hidden = indicatif::ProgressBar::hidden();
    datasets::wait_until_imported(&owner.connection, &reply.id, &hidden).await?;
    let model = train(owner, &reply.id).await?;
    let fields = [
        ("price", "1000"),
        ("region", IN_THE_CLEAR),
        ("quoted", "2025-01-10"),
    ]
    .map(|(column, text)| (column.to_owned(), text.to_owned()));
    predict::predict(&owner.connection, "", predict::quote("q", fields)).await?;
    reports::generate(&owner.connection, &model.id).await?;
    models::get(&owner.connection, &model.id).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_or_personal_lies_anywhere() -> TestResult {
    let (mut world, openid) = world_with_provider().await?;
    let mut secrets = use_the_product(&world).await?;
    if let Some(openid) = &openid {
        secrets.extend(sign_up_with(&world, openid).await?);
    }
    let mut admin = world.admin().await?;
    let mut tables = dump(&mut admin).await?;
    world.stop().await;
    // Once more, with what came late.
    for (table, rows) in dump(&mut admin).await? {
        tables.entry(table).or_default().extend(rows);
    }
    let mut files = BTreeMap::new();
    blobs(&world.launch.blob_dir, &mut files)?;
    assert!(
        tables.len() > 30 && files.len() > 3,
        "{} tables, {} files",
        tables.len(),
        files.len()
    );
    // The search finds what does lie there: the name of an organisation, a cell that is learned from.
    assert!(!places("dumped Ltd", &tables).is_empty());
    assert!(!places(IN_THE_CLEAR, &tables).is_empty());
    let secret_bytes = BTreeMap::from([("bytes".to_owned(), b"..Hello!Hello!..".to_vec())]);
    assert_eq!(places("JBSWY3DPEFEGK3DMN4QQ", &secret_bytes), ["bytes"]);
    let mut planted = files.clone();
    planted.insert("planted".to_owned(), file().into_bytes());
    assert_eq!(places(PERSONAL, &planted), ["planted"]);
    for (what, secret) in &secrets {
        assert!(secret.len() > 10, "{what} is too short to be looked for");
        let mut found = places(secret, &tables);
        found.extend(places(secret, &files));
        assert!(found.is_empty(), "{what} lies in {}", found.join(", "));
    }
    // Of the file nothing at all is readable in the blobs, not even what is learned from.
    for cell in [IN_THE_CLEAR, "quoted,price,region"] {
        assert!(places(cell, &files).is_empty(), "{cell}");
    }
    println!(
        "{} secrets, {} tables, {} files",
        secrets.len(),
        tables.len(),
        files.len()
    );
    Ok(())
}
