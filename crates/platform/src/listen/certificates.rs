//! The certificate that clients are shown, read again when its files change. Files are looked at by their
//! content: Kubernetes swaps a link, certbot another, and neither touches the file that was opened.
//! Deliberately no judgement of who issued it: that is for clients.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use rustls::{
    CertificateError, Error as TlsError, InconsistentKeys, RootCertStore, ServerConfig,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use sha2::{Digest as _, Sha256};
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use crate::{
    clock::Clock,
    config::TlsFiles,
    error::{Error, Result},
    shutdown::Shutdown,
};

/// How often the files are looked at: two small reads.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often a certificate that ends soon is warned of.
const WARN_EVERY: Duration = Duration::from_secs(24 * 3600);
/// How long before its end that begins.
const WARN_BEFORE: TimeDelta = TimeDelta::days(14);

/// The pair that is shown to who connects now.
#[derive(Debug)]
pub struct Certificates {
    files: TlsFiles,
    shown: RwLock<Arc<CertifiedKey>>,
    /// What was read last, good or bad, so that each change is judged and told once.
    seen: Mutex<[u8; 32]>,
}

/// Both files as they are.
struct Content {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Certificates {
    /// Reads the pair.
    ///
    /// # Errors
    /// [`Error::Setting`] where a file cannot be read, the key is another certificate's, or the certificate
    /// is not valid now.
    pub fn load(files: &TlsFiles, now: DateTime<Utc>) -> Result<Arc<Self>> {
        let content = Content::read(files).map_err(Error::Setting)?;
        let pair = content.pair(files, now).map_err(Error::Setting)?;
        Ok(Arc::new(Self {
            files: files.clone(),
            shown: RwLock::new(Arc::new(pair)),
            seen: Mutex::new(content.digest()),
        }))
    }

    /// Agrees on keys with clients by the pair of the moment: TLS 1.3 or 1.2, HTTP/2 or, for gRPC-Web,
    /// HTTP/1.1.
    ///
    /// # Panics
    /// Never: the provider of this build knows both versions.
    pub fn acceptor(self: &Arc<Self>) -> TlsAcceptor {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider knows the versions of TLS that rustls defaults to")
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    /// Reads the pair again whenever its files have changed. Where the new one is no good the old one stays,
    /// and the log says why; connections that are open go on with the pair that they began with.
    pub async fn follow(self: Arc<Self>, clock: Clock, shutdown: Shutdown) {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut warnings = interval(WARN_EVERY);
        loop {
            tokio::select! {
                _ = looks.tick() => {
                    let this = Arc::clone(&self);
                    let now = clock.now();
                    if let Err(error) = tokio::task::spawn_blocking(move || this.look(now)).await {
                        tracing::error!(%error, "the certificate could not be looked at");
                    }
                }
                _ = warnings.tick() => self.warn(clock.now()),
                () = shutdown.cancelled() => return,
            }
        }
    }

    fn look(&self, now: DateTime<Utc>) {
        let read = Content::read(&self.files);
        let digest = match &read {
            Ok(content) => content.digest(),
            Err(reason) => Sha256::digest(reason).into(),
        };
        let before = std::mem::replace(
            &mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner),
            digest,
        );
        if before == digest {
            return;
        }
        match read.and_then(|content| content.pair(&self.files, now)) {
            Ok(pair) => {
                *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
                tracing::info!(file = %self.files.certificate.display(), "a new certificate is in use");
            }
            Err(reason) => {
                tracing::error!("{reason}; the certificate from before stays in use");
            }
        }
    }

    fn warn(&self, now: DateTime<Utc>) {
        let file = self.files.certificate.display();
        if ended(&self.shown().cert, now) {
            tracing::error!(%file, "the certificate has ended: clients refuse it");
        } else if ended(&self.shown().cert, now + WARN_BEFORE) {
            tracing::warn!(%file, "the certificate ends within two weeks");
        }
    }

    fn shown(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown())
    }
}

impl Content {
    fn read(files: &TlsFiles) -> Result<Self, String> {
        let read = |what: &str, path: &Path| {
            fs::read(path)
                .map_err(|error| format!("the {what} {} cannot be read: {error}", path.display()))
        };
        Ok(Self {
            certificate: read("certificate", &files.certificate)?,
            key: Zeroizing::new(read("key", &files.key)?),
        })
    }

    fn digest(&self) -> [u8; 32] {
        let parts = [self.certificate.as_slice(), &self.key];
        parts
            .into_iter()
            .fold(Sha256::new(), |hash, part| {
                hash.chain_update((part.len() as u64).to_be_bytes())
                    .chain_update(part)
            })
            .finalize()
            .into()
    }

    /// The pair, if it can be shown to anybody now; else the reason.
    fn pair(&self, files: &TlsFiles, now: DateTime<Utc>) -> Result<CertifiedKey, String> {
        let (certificate, key) = (files.certificate.display(), files.key.display());
        let no_certificate = || {
            format!(
                "{certificate} holds no certificate: it has to be PEM, with \"BEGIN CERTIFICATE\""
            )
        };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| no_certificate())?;
        if chain.is_empty() {
            return Err(no_certificate());
        }
        let no_key = || {
            format!(
                "{key} holds no private key: it has to be PEM without a password, with \"PRIVATE KEY\""
            )
        };
        let private = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| no_key())?;
        let pair = CertifiedKey::from_der(chain, private, &provider()).map_err(|error| match error
        {
            TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                format!(
                    "{key} is not the key of the certificate in {certificate}: put both in together"
                )
            }
            TlsError::InvalidCertificate(_) => no_certificate(),
            error => format!("{key} cannot be used: {error}"),
        })?;
        match ended(&pair.cert, now) {
            true => Err(format!(
                "the certificate in {certificate} has ended or has not begun: put in one that is valid now"
            )),
            false => Ok(pair),
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Whether the first certificate is outside the time that it is for. The verifier looks at that before
/// anything else, so that all its other objections, to the issuer and the name, can be passed over.
fn ended(chain: &[CertificateDer<'static>], at: DateTime<Utc>) -> bool {
    let Some(own) = chain.first() else {
        return true;
    };
    let mut roots = RootCertStore::empty();
    let seconds = u64::try_from(at.timestamp()).unwrap_or_default();
    let (Ok(()), Ok(name)) = (roots.add(own.clone()), ServerName::try_from("any.example")) else {
        return true;
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    let Ok(verifier) = verifier else {
        return true;
    };
    let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    matches!(
        verifier.verify_server_cert(own, &chain[1..], &name, &[], at),
        Err(TlsError::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        ))
    )
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use testkit::{Authority, Pair, TestResult};

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let name = format!("valutai-test-tls-{}", uuid::Uuid::now_v7());
            Self(std::env::temp_dir().join(name))
        }

        fn files(&self) -> TlsFiles {
            TlsFiles {
                certificate: self.0.join("tls.crt"),
                key: self.0.join("tls.key"),
            }
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn refusal(pair: &Pair) -> TestResult<String> {
        let folder = Folder::new();
        pair.write(&folder.0)?;
        let refused = Certificates::load(&folder.files(), Clock::system().now());
        Ok(refused.expect_err("the pair is bad").to_string())
    }

    /// Every way in which a pair can be bad, with what the operator reads.
    fn bad_pairs(authority: &Authority) -> TestResult<Vec<(Pair, &'static str)>> {
        let good = authority.issue()?;
        let with_key = |key: &str| Pair {
            key: key.to_owned(),
            ..good.clone()
        };
        let nonsense = Pair {
            certificate: "nonsense".to_owned(),
            ..good.clone()
        };
        let broken = Pair {
            certificate: good.certificate.replace('A', "B"),
            ..good.clone()
        };
        Ok(vec![
            (
                with_key(&authority.issue()?.key),
                "is not the key of the certificate",
            ),
            (with_key("nonsense"), "holds no private key"),
            (nonsense, "holds no certificate"),
            (broken, "holds no certificate"),
            (authority.issue_ended()?, "has ended or has not begun"),
        ])
    }

    #[test]
    fn a_bad_pair_is_refused_at_the_start_with_the_reason() -> TestResult {
        let authority = Authority::new()?;
        for (pair, reason) in bad_pairs(&authority)? {
            let said = refusal(&pair)?;
            assert!(said.contains(reason), "{said}");
        }
        let nowhere = Folder::new();
        let refused = Certificates::load(&nowhere.files(), Clock::system().now());
        let said = refused.expect_err("there is nothing").to_string();
        assert!(said.contains("tls.crt cannot be read"), "{said}");
        Ok(())
    }

    #[test]
    fn a_bad_new_pair_is_kept_out_and_a_good_one_is_taken() -> TestResult {
        let authority = Authority::new()?;
        let (first, second) = (authority.issue()?, authority.issue()?);
        let folder = Folder::new();
        first.write(&folder.0)?;
        let now = Clock::system().now();
        let certificates = Certificates::load(&folder.files(), now)?;
        let shown = || certificates.shown().cert[0].to_vec();
        for (bad, _) in bad_pairs(&authority)? {
            bad.write(&folder.0)?;
            certificates.look(now);
            assert_eq!(shown(), first.der);
        }
        fs::remove_file(folder.files().key)?;
        certificates.look(now);
        assert_eq!(shown(), first.der);
        second.write(&folder.0)?;
        certificates.look(now);
        assert_eq!(shown(), second.der);
        Ok(())
    }

    #[test]
    fn a_certificate_ends_when_it_says() -> TestResult {
        let authority = Authority::new()?;
        let own = CertificateDer::from(authority.issue()?.der);
        let at = |year: i32| {
            Ok::<_, testkit::Failure>(
                DateTime::parse_from_rfc3339(&format!("{year}-06-01T00:00:00Z"))?.to_utc(),
            )
        };
        assert!(!ended(std::slice::from_ref(&own), at(2030)?));
        assert!(ended(std::slice::from_ref(&own), at(4001)?));
        assert!(ended(std::slice::from_ref(&own), at(1974)?));
        Ok(())
    }
}
