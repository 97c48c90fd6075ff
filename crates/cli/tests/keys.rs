//! The key-encryption key is rotated while the system works: nothing fails, everything stays readable, and
//! the old key is gone afterwards.

mod support;

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use platform::config::{Key, Keys};
use proto::auth::{BeginTotpRequest, ConfirmTotpRequest, VerifyEmailRequest};
use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};
use support::{Person, history, import, mail, sign_up, train};
use testkit::{TestResult, World, eventually};
use tokio::task::JoinHandle;
use tonic::Code;
use valutai::{
    client::{datasets, predict},
    server::{keys, stack::SERVICES},
};

/// Work that goes on until it is told to stop, and what it has done by then.
struct Load {
    stop: platform::shutdown::Shutdown,
    tasks: Vec<JoinHandle<TestResult>>,
    done: Arc<AtomicUsize>,
}

impl Load {
    fn new() -> Self {
        Self {
            stop: platform::shutdown::Shutdown::new(),
            tasks: Vec::new(),
            done: Arc::default(),
        }
    }

    /// Does something again and again; its first failure ends it and is told at the end.
    fn run<F>(&mut self, mut work: impl FnMut(usize) -> F + Send + 'static)
    where
        F: Future<Output = TestResult> + Send,
    {
        let (stop, done) = (self.stop.clone(), Arc::clone(&self.done));
        self.tasks.push(tokio::spawn(async move {
            let mut round = 0;
            while !stop.is_cancelled() {
                work(round).await?;
                round += 1;
                done.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        }));
    }

    /// Waits until some more work was done.
    async fn goes_on(&self) -> TestResult {
        let before = self.done.load(Ordering::SeqCst);
        eventually("the work goes on", || async {
            let has_ended = self.tasks.iter().any(JoinHandle::is_finished);
            Ok(has_ended || self.done.load(Ordering::SeqCst) > before + 20)
        })
        .await
    }

    async fn finish(self) -> TestResult<usize> {
        self.stop.cancel();
        for task in self.tasks {
            task.await??;
        }
        Ok(self.done.load(Ordering::SeqCst))
    }
}

async fn answers(person: &Person, name: &str) -> TestResult {
    let fields = [("price".to_owned(), "1000".to_owned())];
    predict::predict(&person.connection, "", predict::quote(name, fields)).await?;
    Ok(())
}

fn admin_url(world: &World) -> TestResult<String> {
    let options: PgConnectOptions = world.launch.admin_url.expose().parse()?;
    Ok(options
        .database(&world.launch.database)
        .to_url_lossy()
        .to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_while_the_system_works() -> TestResult {
    let key_file: PathBuf =
        std::env::temp_dir().join(format!("valutai-test-kek-{}", uuid::Uuid::now_v7()));
    let first_key = Key::generate();
    fs::write(&key_file, first_key.to_base64())?;
    let mut world = World::new(&SERVICES).await?;
    world.launch.kek = Keys::from_file(&key_file, None)?;
    world.start().await?;
    let (owner, importer) = (
        sign_up(&world, "predictor").await?,
        sign_up(&world, "importer").await?,
    );
    let dataset = import(&owner, &history(120, 3)?).await?.id;
    train(&owner, &dataset).await?;
    answers(&owner, "before").await?;
    let begin = BeginTotpRequest {
        password: support::PASSWORD.clone(),
    };
    owner.connection.auth().begin_totp(begin).await?;
    let mut token = String::new();
    eventually("the mail is there", || {
        let found = mail(&owner.mail_dir, "predictor@example.com", "Subject: Confirm");
        token = found.unwrap_or_default();
        let is_there = !token.is_empty();
        async move { Ok(is_there) }
    })
    .await?;

    let mut load = Load::new();
    let predicting = owner.clone();
    load.run(move |round| {
        let person = predicting.clone();
        async move { answers(&person, &format!("q{round}")).await }
    });
    let importing = importer.clone();
    load.run(move |round| {
        let person = importing.clone();
        async move {
            import(&person, &history(40, round as u64)?).await?;
            Ok(())
        }
    });
    let (endpoint, mail_dir) = (owner.endpoint.clone(), owner.mail_dir.clone());
    load.run(move |round| {
        let (endpoint, mail_dir) = (endpoint.clone(), mail_dir.clone());
        async move { new_company(&endpoint, &mail_dir, round).await }
    });
    load.goes_on().await?;
    let database = admin_url(&world)?;
    for _ in 0..2 {
        let before = keys::status(&key_file, &database).await?;
        let old = before[0].id.clone();
        assert!(!before[0].things.is_empty(), "{before:?}");
        let refused = keys::remove(&key_file, &database, &old).await;
        assert!(refused.is_err(), "the key that seals was removed");
        let fresh = keys::rotate(&key_file, false, None)?;
        // Until auth has seen it, removing is refused.
        eventually("the old key has sealed nothing any more", || async {
            let status = keys::status(&key_file, &database).await?;
            assert!(status.iter().all(|key| key.seals.is_some()), "{status:?}");
            let is_free = status.iter().any(|key| key.id == old && key.is_removable());
            Ok(is_free
                && status
                    .iter()
                    .any(|key| key.id == fresh && key.things.len() > 1))
        })
        .await?;
        load.goes_on().await?;
        keys::remove(&key_file, &database, &old).await?;
        load.goes_on().await?;
    }
    let done = load.finish().await?;
    println!("{done} imports, predictions and sign-ups while keys were rotated twice");
    world.stop().await;

    // A start that has never seen the old key.
    let text = fs::read_to_string(&key_file)?;
    assert_eq!(text.lines().count(), 1);
    assert!(!text.contains(&first_key.to_base64()));
    world.launch.kek = Keys::from_file(&key_file, None)?;
    world.start().await?;
    let connection = owner.connection.clone();
    let owner = Person {
        endpoint: world.endpoint()?,
        connection: valutai::client::Connection::connect(
            &world.endpoint()?,
            Some(&owner.token),
            std::time::Duration::from_secs(60),
        )
        .await?,
        ..owner
    };
    drop(connection);
    // The model and the history are blobs, sealed by the data key that was wrapped anew twice.
    answers(&owner, "after").await?;
    train(&owner, &dataset).await?;
    datasets::get(&owner.connection, &dataset).await?;
    let mut auth = owner.connection.auth();
    let wrong = ConfirmTotpRequest {
        code: "000000".to_owned(),
    };
    let wrong = auth.confirm_totp(wrong).await;
    assert_eq!(
        wrong.err().map(|s| s.code()),
        Some(Code::InvalidArgument),
        "the secret is readable"
    );
    let verify = VerifyEmailRequest {
        token,
        ..VerifyEmailRequest::default()
    };
    auth.verify_email(verify).await?;
    world.stop().await;
    fs::remove_file(&key_file)?;
    Ok(())
}

/// An organisation of its own, with a data key and a mail.
async fn new_company(endpoint: &str, mail_dir: &std::path::Path, round: usize) -> TestResult {
    let timeout = std::time::Duration::from_secs(60);
    let anonymous = valutai::client::Connection::connect(endpoint, None, timeout).await?;
    let email = format!("company{round}@example.com");
    let password = valutai::args::Secret::verbatim(&support::PASSWORD);
    valutai::client::auth::sign_up(&anonymous, &email, "A company", &password).await?;
    eventually("the mail is sent", || {
        let is_there = mail(mail_dir, &email, "Subject: Confirm").is_some();
        async move { Ok(is_there) }
    })
    .await
}
