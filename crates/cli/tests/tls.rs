//! The gateway with TLS, by real handshakes: who is served, what a new certificate changes, and what people are told who
//! come the wrong way. Deliberately not NATS and Postgres: see `servers_tls`.

mod support;

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use platform::{Service, config::TlsFiles, listen::SPEAKS_TLS};
use proto::{
    auth::WhoAmIRequest,
    ingestion::{UploadDatasetRequest, UploadHeader, upload_dataset_request::Part},
};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use rustls::{pki_types::ServerName, version};
use support::{PASSWORD, history};
use testkit::{Authority, Pair, TestResult, World, eventually};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use valutai::{
    args::Secret,
    client::{Connection, auth as accounts},
};

const TIMEOUT: Duration = Duration::from_secs(60);
const SERVICES: [Service; 3] = [auth::SERVICE, ingestion::SERVICE, gateway::SERVICE];

/// A folder that is gone when the value is.
struct Folder(PathBuf);

impl Folder {
    fn new() -> TestResult<Self> {
        let path = std::env::temp_dir().join(format!("valutai-test-tls-{}", uuid::Uuid::now_v7()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// Puts a pair in place as Kubernetes does: into a new folder, to which a link is then swapped.
    fn mount(&self, pair: &Pair) -> TestResult {
        let version = uuid::Uuid::now_v7().to_string();
        pair.write(&self.0.join(&version))?;
        let fresh = self.0.join("..data_tmp");
        symlink(&version, &fresh)?;
        fs::rename(&fresh, self.0.join("..data"))?;
        Ok(())
    }

    fn files(&self) -> TlsFiles {
        TlsFiles {
            certificate: self.0.join("..data/tls.crt"),
            key: self.0.join("..data/tls.key"),
        }
    }

    fn authority(&self, authority: &Authority) -> TestResult<PathBuf> {
        let path = self.0.join("ca.crt");
        fs::write(&path, authority.pem())?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn world(folder: &Folder) -> TestResult<World> {
    let mut world = World::new(&SERVICES).await?;
    world.launch.tls = Some(folder.files());
    world.start().await?;
    Ok(world)
}

async fn sign_up(world: &World, ca: &Path) -> TestResult<Connection> {
    let anonymous =
        Connection::connect_trusting(&world.endpoint()?, Some(ca), None, TIMEOUT).await?;
    let password = Secret::verbatim(&PASSWORD);
    let reply = accounts::sign_up(&anonymous, "ada@example.com", "Ada Ltd", &password).await?;
    Ok(anonymous.with_token(&reply.token)?)
}

/// A handshake with the gateway, trusting an authority, with what a client offers.
async fn shake(
    world: &World,
    authority: &Authority,
    versions: &[&'static SupportedProtocolVersion],
    protocol: &[u8],
) -> TestResult<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let pem = authority.pem();
    for certificate in rustls_pem(&pem)? {
        roots.add(certificate)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let endpoint = world.endpoint()?;
    let address: SocketAddr = endpoint.trim_start_matches("https://").parse()?;
    let tcp = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost")?;
    Ok(TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await?)
}

fn rustls_pem(pem: &str) -> TestResult<Vec<rustls::pki_types::CertificateDer<'static>>> {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    Ok(CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>()?)
}

fn shown(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    certificates
        .first()
        .map(|own| own.to_vec())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_served_by_tls_and_only_by_it() -> TestResult {
    let (authority, folder) = (Authority::new()?, Folder::new()?);
    folder.mount(&authority.issue()?)?;
    let ca = folder.authority(&authority)?;
    let mut world = world(&folder).await?;
    let owner = sign_up(&world, &ca).await?;
    owner.auth().who_am_i(WhoAmIRequest {}).await?;

    let both = [&version::TLS13, &version::TLS12];
    let modern = shake(&world, &authority, &both, b"h2").await?;
    let session = modern.get_ref().1;
    assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(session.alpn_protocol(), Some(&b"h2"[..]));
    let old = shake(&world, &authority, &[&version::TLS12], b"http/1.1").await?;
    let session = old.get_ref().1;
    assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));

    // gRPC-Web, which browsers speak over HTTP/1.1: the gateway answers on that connection.
    let mut web = shake(&world, &authority, &both, b"http/1.1").await?;
    let body = [0_u8; 5];
    let head = format!(
        "POST /valutai.auth.v1.AuthService/WhoAmI HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/grpc-web\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    web.write_all(head.as_bytes()).await?;
    web.write_all(&body).await?;
    let mut answer = Vec::new();
    web.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("application/grpc-web"), "{answer}");

    // Nobody is taken in by another authority's certificate.
    let stranger = folder.0.join("stranger.crt");
    fs::write(&stranger, Authority::new()?.pem())?;
    let refused =
        Connection::connect_trusting(&world.endpoint()?, Some(&stranger), None, TIMEOUT).await;
    let refused = refused.expect_err("the issuer is unknown").to_string();
    assert!(refused.contains("by --ca"), "{refused}");
    let by_system = Connection::connect(&world.endpoint()?, None, TIMEOUT).await;
    let by_system = by_system
        .expect_err("the system does not know it")
        .to_string();
    assert!(by_system.contains("by --ca"), "{by_system}");
    world.stop().await;
    Ok(())
}

/// An upload that began under the old certificate ends under the new one, on its connection; who connects meanwhile
/// is shown the new one.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_shown_while_an_old_stream_goes_on() -> TestResult {
    let (authority, folder) = (Authority::new()?, Folder::new()?);
    let (first, second) = (authority.issue()?, authority.issue()?);
    folder.mount(&first)?;
    let ca = folder.authority(&authority)?;
    let mut world = world(&folder).await?;
    let owner = sign_up(&world, &ca).await?;
    let versions = [&version::TLS13];
    let mut waiting = shake(&world, &authority, &versions, b"http/1.1").await?;
    assert_eq!(shown(&waiting), first.der);

    let (messages, stream) = mpsc::channel(1);
    let mut client = owner.ingestion();
    let upload = tokio::spawn(async move {
        let stream = ReceiverStream::new(stream);
        client.upload_dataset(stream).await
    });
    let part = |part| UploadDatasetRequest { part: Some(part) };
    let header = UploadHeader {
        name: "history.csv".to_owned(),
        ..UploadHeader::default()
    };
    messages.send(part(Part::Header(header))).await?;
    let file = history(200, 5)?;
    let (begin, rest) = file.split_at(file.len() / 2);
    let chunk = |bytes: &[u8]| part(Part::Chunk(bytes.to_vec()));
    messages.send(chunk(begin)).await?;

    folder.mount(&second)?;
    eventually("the new certificate is shown", || async {
        let stream = shake(&world, &authority, &versions, b"h2").await?;
        Ok(shown(&stream) == second.der)
    })
    .await?;

    messages.send(chunk(rest)).await?;
    drop(messages);
    let uploaded = upload.await??.into_inner();
    assert!(!uploaded.id.is_empty());
    // And one that had agreed on keys and had said nothing yet.
    let request = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    waiting.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    waiting.read_to_end(&mut answer).await?;
    assert!(answer.starts_with(b"HTTP/1.1 "), "{answer:?}");
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_does_not_start_with_a_bad_pair() -> TestResult {
    let (authority, folder) = (Authority::new()?, Folder::new()?);
    folder.mount(&authority.issue_ended()?)?;
    let refused = world(&folder).await.expect_err("the certificate has ended");
    let refused = refused.to_string();
    assert!(refused.contains("refusing to start"), "{refused}");
    assert!(refused.contains("has ended or has not begun"), "{refused}");
    Ok(())
}

/// Runs the program, and gives its exit code and what it said.
async fn run(args: &[&str]) -> TestResult<(Option<i32>, String)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_valutai"));
    command
        .args(args)
        .args(["auth", "whoami"])
        .env("VALUTAI_TOKEN", "vas_x");
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let said = String::from_utf8(output.stderr)?;
    Ok((output.status.code(), said))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_the_wrong_way_is_told_the_right_one() -> TestResult {
    let (authority, folder) = (Authority::new()?, Folder::new()?);
    folder.mount(&authority.issue()?)?;
    let ca = folder.authority(&authority)?;
    let ca = ca.to_str().ok_or("no path")?;
    let mut secured = world(&folder).await?;
    let mut plain = World::running(&SERVICES).await?;

    let endpoint = secured.endpoint()?;
    let in_the_clear = endpoint.replace("https://", "http://");
    let (code, said) = run(&["--endpoint", &in_the_clear]).await?;
    assert_eq!(
        (code, said.trim_end()),
        (Some(1), format!("error: {SPEAKS_TLS}").as_str())
    );
    let (code, said) = run(&["--endpoint", &endpoint]).await?;
    assert!(code == Some(1) && said.contains("by --ca"), "{said}");
    // The right way: the token is judged, so that TLS was no matter.
    let (code, said) = run(&["--endpoint", &endpoint, "--ca", ca]).await?;
    assert!(code == Some(1) && said.contains("sign-in"), "{said}");

    let (code, said) = run(&["--endpoint", &in_the_clear, "--ca", ca]).await?;
    assert!(code == Some(2) && said.contains("with https://"), "{said}");
    let not_tls = plain.endpoint()?.replace("http://", "https://");
    let (code, said) = run(&["--endpoint", &not_tls, "--ca", ca]).await?;
    assert!(
        code == Some(1) && said.contains("does not speak TLS"),
        "{said}"
    );
    let no_authority = folder.files().key;
    let no_authority = no_authority.to_str().ok_or("no path")?;
    let (code, said) = run(&["--endpoint", &endpoint, "--ca", no_authority]).await?;
    assert!(
        code == Some(1) && said.contains("holds no certificate"),
        "{said}"
    );

    // Browsers and others that speak HTTP/1.1.
    let address: SocketAddr = in_the_clear.trim_start_matches("http://").parse()?;
    let mut tcp = TcpStream::connect(address).await?;
    tcp.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await?;
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.ends_with(SPEAKS_TLS), "{answer}");
    secured.stop().await;
    plain.stop().await;
    Ok(())
}
