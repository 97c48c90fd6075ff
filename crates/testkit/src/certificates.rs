//! Certificates for tests, made by an authority of the test's own. Deliberately generated anew each time: no
//! key is ever kept in the tree.

use std::{fs, path::Path};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use uuid::Uuid;

use crate::TestResult;

/// An authority that nobody trusts but who is told to.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate for this machine with its key, both in PEM.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
    /// The certificate as it is shown in a handshake.
    pub der: Vec<u8>,
}

impl Authority {
    /// A new authority.
    ///
    /// # Errors
    /// Where no key can be made.
    pub fn new() -> TestResult<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = format!("authority {}", Uuid::now_v7());
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        Ok(Self(CertifiedIssuer::self_signed(params, key)?))
    }

    /// Its certificate, in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.as_ref().pem()
    }

    /// A certificate for `localhost` and `127.0.0.1`.
    ///
    /// # Errors
    /// Where no key can be made.
    pub fn issue(&self) -> TestResult<Pair> {
        self.issue_until(4000)
    }

    /// A certificate that ended long ago.
    ///
    /// # Errors
    /// Where no key can be made.
    pub fn issue_ended(&self) -> TestResult<Pair> {
        self.issue_until(1999)
    }

    fn issue_until(&self, year: i32) -> TestResult<Pair> {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned).to_vec();
        let mut params = CertificateParams::new(names)?;
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.0)?;
        Ok(Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().to_vec(),
        })
    }
}

impl Pair {
    /// Writes `tls.crt` and `tls.key`, the names that Kubernetes gives them.
    ///
    /// # Errors
    /// Where the folder cannot be made or written.
    pub fn write(&self, dir: &Path) -> TestResult {
        fs::create_dir_all(dir)?;
        fs::write(dir.join("tls.crt"), &self.certificate)?;
        fs::write(dir.join("tls.key"), &self.key)?;
        Ok(())
    }
}
