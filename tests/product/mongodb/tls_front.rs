//! Speaks TLS before a server that does not, with a certificate of a CA of its own.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// Passes on what it hears, until it is dropped.
pub struct TlsFront {
    port: u16,
    directory: TempDir,
    _runtime: Runtime,
}

impl TlsFront {
    /// Stands on a free port of 127.0.0.1 before the server on this port.
    pub fn start(server: u16) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(directory.path().join("ca.pem"), issuer.pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![Ipv4Addr::LOCALHOST.to_string()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(client, acceptor.clone(), server));
            }
        });
        Self { port, directory, _runtime: runtime }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The file that an operator names as `tlsCAFile`.
    pub fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }
}

/// One connection. Either side may end it at any time, and a stranger may refuse our certificate.
async fn pass_on(client: TcpStream, acceptor: TlsAcceptor, server: u16) {
    let Ok(mut client) = acceptor.accept(client).await else { return };
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await else { return };
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
