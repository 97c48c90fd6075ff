//! Postgres and NATS over TLS, both real: the product works with certificates that are checked, and nobody answers in
//! their place. Deliberately on servers of the test's own, which take nothing in the clear.

mod support;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
};

use localservers::{Options, Servers, StartOptions, find_or_obtain};
use platform::{Clock, Database, Service, bus::Bus, config::Secret, error::chain};
use sqlx::{Connection as _, PgConnection};
use support::{history, import, sign_up};
use testkit::{Authority, Pair, TestResult, World, eventually};
use tokio::process::{Child, Command};
use valutai::server::nats_config;

const SERVICES: [Service; 3] = [auth::SERVICE, ingestion::SERVICE, gateway::SERVICE];
const PASSWORD: &str = "p0";

/// Servers that speak TLS, and whom to trust.
struct Secured {
    dir: PathBuf,
    postgres: Option<Servers>,
    nats: Child,
    nats_port: u64,
}

impl Secured {
    async fn start(authority: &Authority) -> TestResult<Self> {
        let dir = std::env::temp_dir().join(format!("valutai-test-tls-{}", uuid::Uuid::now_v7()));
        let pair = authority.issue()?;
        pair.write(&dir)?;
        fs::write(dir.join("ca.crt"), authority.pem())?;
        fs::write(dir.join("other.crt"), Authority::new()?.pem())?;
        let (nats, nats_port) = start_nats(&dir).await?;
        let mut start = StartOptions::ephemeral(dir.join("servers"), std::process::id());
        // Another one is running already.
        start.nats_url = Some("nats://127.0.0.1:1".to_owned());
        let postgres = tokio::task::spawn_blocking(move || {
            Servers::obtain_and_start(&Options::default(), &start, &mut |line| eprintln!("{line}"))
        })
        .await??;
        secure_postgres(postgres.postgres_url(), &pair).await?;
        Ok(Self {
            dir,
            postgres: Some(postgres),
            nats,
            nats_port,
        })
    }

    fn authority(&self) -> PathBuf {
        self.dir.join("ca.crt")
    }

    /// An address of Postgres that trusts the authority in a file.
    fn postgres_url(&self, ca: &str) -> TestResult<String> {
        let postgres = self.postgres.as_ref().ok_or("no Postgres")?;
        let file = self.dir.join(ca);
        Ok(format!(
            "{}?sslmode=verify-full&sslrootcert={}",
            postgres.postgres_url(),
            file.display()
        ))
    }

    fn nats_url(&self) -> String {
        format!("tls://valutai:{PASSWORD}@127.0.0.1:{}", self.nats_port)
    }

    fn nats_log(&self) -> TestResult<String> {
        Ok(fs::read_to_string(self.dir.join("nats.log"))?)
    }

    async fn stop(mut self) -> TestResult {
        self.nats.kill().await?;
        if let Some(postgres) = self.postgres.take() {
            tokio::task::spawn_blocking(move || postgres.stop()).await??;
        }
        fs::remove_dir_all(&self.dir)?;
        Ok(())
    }
}

/// A nats-server with TLS as `valutai nats-config --tls` writes it.
async fn start_nats(dir: &Path) -> TestResult<(Child, u64)> {
    let binaries = tokio::task::spawn_blocking(|| {
        find_or_obtain(&Options::default(), &mut |line| eprintln!("{line}"))
    })
    .await??;
    let conf = format!(
        "listen: \"127.0.0.1:-1\"\nmax_payload: 4MB\nports_file_dir: \"{dir}\"\njetstream {{ store_dir: \"{dir}/nats\" }}\n\
         authorization {{ user: valutai, password: {PASSWORD} }}\n{tls}",
        dir = dir.display(),
        tls = nats_config::tls(&dir.display().to_string()),
    );
    fs::write(dir.join("nats.conf"), conf)?;
    let log = File::create(dir.join("nats.log"))?;
    let server = Command::new(binaries.nats_server)
        .arg("--config")
        .arg(dir.join("nats.conf"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()?;
    let mut port = None;
    eventually("nats-server tells its port", || {
        port = port_in(dir);
        let told = port.is_some();
        async move { Ok(told) }
    })
    .await?;
    Ok((server, port.ok_or("no port")?))
}

/// The port in the file that nats-server leaves: `{"nats": ["nats://127.0.0.1:PORT"], ...}`.
fn port_in(dir: &Path) -> Option<u64> {
    let mut entries = fs::read_dir(dir).ok()?.flatten();
    let file = entries.find(|entry| entry.file_name().to_string_lossy().ends_with(".ports"))?;
    let text = fs::read_to_string(file.path()).ok()?;
    let ports: serde_json::Value = serde_json::from_str(&text).ok()?;
    let address = ports["nats"][0].as_str()?.rsplit_once(':')?.1;
    address.parse().ok()
}

/// Gives a running Postgres a certificate. It writes the files itself, since it is particular about whose they are.
async fn secure_postgres(url: &str, pair: &Pair) -> TestResult {
    let mut admin = PgConnection::connect(url).await?;
    for (name, pem) in [("tls.crt", &pair.certificate), ("tls.key", &pair.key)] {
        let copy = format!(
            "COPY (SELECT unnest(string_to_array('{pem}', E'\\n'))) TO PROGRAM 'umask 077; cat > {name}'"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(copy))
            .execute(&mut admin)
            .await?;
    }
    for setting in [
        "ssl_cert_file = 'tls.crt'",
        "ssl_key_file = 'tls.key'",
        "ssl = on",
    ] {
        let set = format!("ALTER SYSTEM SET {setting}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(set))
            .execute(&mut admin)
            .await?;
    }
    sqlx::raw_sql("SELECT pg_reload_conf()")
        .execute(&mut admin)
        .await?;
    admin.close().await?;
    eventually("Postgres speaks TLS", || async {
        let mut admin = PgConnection::connect(url).await?;
        let ssl: String = sqlx::query_scalar("SHOW ssl").fetch_one(&mut admin).await?;
        Ok(ssl == "on")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_product_works_over_tls_to_both_servers() -> TestResult {
    let authority = Authority::new()?;
    let secured = Secured::start(&authority).await?;
    let url = secured.postgres_url("ca.crt")?;
    let mut world = World::on(&SERVICES, &url, &secured.nats_url()).await?;
    world.launch.nats_ca = Some(secured.authority());
    world.start().await?;
    let owner = sign_up(&world, "ada").await?;
    // Through calls and events, so over NATS both ways.
    import(&owner, &history(60, 3)?).await?;

    let mut admin = world.admin().await?;
    let (secure, all): (i64, i64) = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE s.ssl), count(*) FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid)
         WHERE a.application_name LIKE 'valutai-%'",
    )
    .fetch_one(&mut admin)
    .await?;
    assert!(all >= 2, "{all} connections");
    assert_eq!(secure, all);

    // Who answers with another authority's certificate is not believed.
    world.launch.admin_url = Secret::new(secured.postgres_url("other.crt")?);
    let config = world.launch.config_for("auth")?;
    let refused = Database::connect(&config, "auth", Clock::system()).await;
    let refused = chain(&refused.expect_err("the issuer is unknown"));
    assert!(refused.contains("invalid peer certificate"), "{refused}");
    world.launch.nats_ca = Some(secured.dir.join("other.crt"));
    let config = world.launch.config_for("test")?;
    tokio::select! {
        _ = Bus::connect(&config, "test") => return Err("NATS was believed".into()),
        seen = eventually("nats-server hears that it is not believed", || async {
            let log = secured.nats_log()?;
            Ok(log.contains("TLS handshake error") && log.contains("unknown certificate authority"))
        }) => seen?,
    }
    world.stop().await;
    drop(world);
    secured.stop().await
}

/// The test run's own servers speak no TLS.
#[tokio::test(flavor = "multi_thread")]
async fn who_insists_on_tls_does_not_go_on_without() -> TestResult {
    let mut world = World::new(&SERVICES).await?;
    let insisting = format!("{}?sslmode=verify-full", world.launch.admin_url.expose());
    world.launch.admin_url = Secret::new(insisting);
    let config = world.launch.config_for("auth")?;
    let refused = Database::connect(&config, "auth", Clock::system()).await;
    let refused = chain(&refused.expect_err("Postgres has no certificate"));
    assert!(refused.contains("TLS"), "{refused}");
    let file = std::env::temp_dir().join(format!("valutai-test-{}.crt", uuid::Uuid::now_v7()));
    fs::write(&file, Authority::new()?.pem())?;
    let mut config = world.launch.config_for("test")?;
    config.nats_ca = Some(file.clone());
    let refused = Bus::connect(&config, "test").await;
    let refused = refused.expect_err("the address is not tls://").to_string();
    assert!(refused.contains("write tls://"), "{refused}");
    fs::remove_file(file)?;
    Ok(())
}
