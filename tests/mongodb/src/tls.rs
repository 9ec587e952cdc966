//! TLS of a server: a CA of its own, and what that issues, in files as an operator has them.
//!
//! Every file holds a certificate and its key, which is how `mongod` wants them.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// Who shows a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// Nobody: there is no TLS.
    #[default]
    Off,
    /// The server must, and a client may.
    OfServer,
    /// The server must, and a client, too.
    OfBoth,
}

/// A certificate with its key.
pub struct Identity {
    /// The file with both, as `tlsCertificateKeyFile` names it.
    pub file: PathBuf,
    /// The subject as a server calls the user (RFC 2253: the most specific part first).
    pub subject: String,
}

/// The CA that a server and its clients trust.
pub(crate) struct Authority {
    directory: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
    client: Arc<ClientConfig>,
}

impl Authority {
    /// A new CA, an identity for a server on 127.0.0.1, and one for the harness.
    pub(crate) fn new(directory: PathBuf) -> Self {
        fs::create_dir(&directory).unwrap();
        let mut params = params("authority", "ca");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(ca(&directory), issuer.pem()).unwrap();
        // Clients of the server's organization would be taken for members of its replica set.
        issue(&issuer, &directory, "servers", &Ipv4Addr::LOCALHOST.to_string());
        let harness = issue(&issuer, &directory, "clients", "harness");
        let client = Arc::new(client(&issuer, &harness.file));
        Self { directory, issuer, client }
    }

    /// What both sides name as their CA.
    pub(crate) fn ca(&self) -> PathBuf {
        ca(&self.directory)
    }

    /// The server's certificate and key.
    pub(crate) fn server(&self) -> PathBuf {
        file(&self.directory, &Ipv4Addr::LOCALHOST.to_string())
    }

    /// A client's certificate and key.
    pub(crate) fn issue(&self, name: &str) -> Identity {
        issue(&self.issuer, &self.directory, "clients", name)
    }

    /// TLS of a connection of the harness, which has not said anything yet.
    pub(crate) fn connection(&self) -> ClientConnection {
        ClientConnection::new(Arc::clone(&self.client), Ipv4Addr::LOCALHOST.into()).unwrap()
    }
}

fn ca(directory: &Path) -> PathBuf {
    directory.join("ca.pem")
}

fn file(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.of.pem"))
}

fn params(organization: &str, name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, organization);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn issue(
    issuer: &CertifiedIssuer<'static, KeyPair>,
    directory: &Path,
    organization: &str,
    name: &str,
) -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = params(organization, name).signed_by(&key, issuer).unwrap();
    let file = file(directory, name);
    fs::write(&file, certificate.pem() + &key.serialize_pem()).unwrap();
    Identity { file, subject: format!("CN={name},O={organization}") }
}

fn client(issuer: &CertifiedIssuer<'static, KeyPair>, identity: &Path) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(issuer.der().clone()).unwrap();
    let certificate = CertificateDer::from_pem_file(identity).unwrap();
    let key = PrivateKeyDer::from_pem_file(identity).unwrap();
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate], key)
        .unwrap()
}
