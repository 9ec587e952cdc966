//! TLS, ended by the host: the guest sees plain bytes, and the operator's words are enforced here.

use std::{io, net::IpAddr, sync::Arc};

use rustls::{ClientConfig, Error as RustlsError, crypto::ring, pki_types::ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use tokio_rustls::TlsConnector;

use super::{
    certificates::{self, FileError},
    cost::Counted,
    grant::{TlsGrant, TlsStart},
    names::{Target, TargetHost},
    streams::{Reading, Writing},
    verify::Verifier,
    words::{advised, words},
};
use crate::model::TlsMode;

/// Length 8, then the number that asks for TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
const ACCEPTED: u8 = b'S';
const REFUSED: u8 = b'N';

/// Why a connection is not protected as the operator wants it.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("the client's certificate and key are not fit for TLS: {}", advised(.0))]
    Client(RustlsError),
    #[error("the server does not offer TLS, which `{}` demands{way_around}", .mode.word())]
    Refused { mode: TlsMode, way_around: String },
    #[error(
        "the server answered the request for TLS with byte {0:#04x}; is it another kind of server?"
    )]
    Garbage(u8),
    #[error("the server closed the connection when asked for TLS: {0}")]
    Closed(io::Error),
    #[error("no TLS with the server: {}", words(.0))]
    Handshake(io::Error),
    #[error("`{0}` can't be the name in a certificate")]
    Name(String),
    #[error("TLS could not be set up: {0}")]
    Setup(String),
}

/// A connection as the operator wants it.
pub(super) struct Protected {
    pub reading: Reading,
    pub writing: Writing,
    /// Whether it was to be protected if possible, and the server said no.
    pub stripped: bool,
}

/// Brings the connection to where the guest's first byte may travel. `setup` reads the operator's
/// files, which may take as long as the system likes.
pub(super) async fn protect<S: Future<Output = Result<Arc<ClientConfig>, TlsError>>>(
    mut stream: Counted,
    target: &Target,
    setup: impl FnOnce(TlsGrant) -> S,
) -> Result<Protected, TlsError> {
    let plain = |stream, stripped| {
        let (reading, writing) = split::<Counted>(stream);
        let (reading, writing): (Reading, Writing) = (Box::new(reading), Box::new(writing));
        Ok(Protected { reading, writing, stripped })
    };
    let Some(grant) = &target.grant.tls else { return plain(stream, false) };
    let wanted = match (grant.mode, grant.start) {
        (TlsMode::Disable, _) => return plain(stream, false),
        (_, TlsStart::Direct) => true,
        (_, TlsStart::SslRequest) => offers_tls(&mut stream, grant).await?,
    };
    if !wanted {
        return plain(stream, true);
    }
    let name = server_name(&target.host)?;
    let config = setup(grant.clone()).await?;
    let connected = TlsConnector::from(config).connect(name, stream).await;
    let (reading, writing) = split(connected.map_err(TlsError::Handshake)?);
    Ok(Protected { reading: Box::new(reading), writing: Box::new(writing), stripped: false })
}

/// Asks the server. Exactly one byte is read: what follows an `S` must be TLS, so that nobody can
/// slip in plain bytes before it.
async fn offers_tls(stream: &mut Counted, grant: &TlsGrant) -> Result<bool, TlsError> {
    stream.write_all(&SSL_REQUEST).await.map_err(TlsError::Closed)?;
    match stream.read_u8().await.map_err(TlsError::Closed)? {
        ACCEPTED => Ok(true),
        REFUSED if grant.mode == TlsMode::Prefer => Ok(false),
        REFUSED => Err(TlsError::Refused { mode: grant.mode, way_around: grant.way_around() }),
        other => Err(TlsError::Garbage(other)),
    }
}

fn server_name(host: &TargetHost) -> Result<ServerName<'static>, TlsError> {
    match host {
        TargetHost::Address(ip) => Ok(ServerName::IpAddress(IpAddr::into(*ip))),
        TargetHost::Name(name) => {
            ServerName::try_from(name.clone()).map_err(|_| TlsError::Name(name.clone()))
        }
    }
}

/// Reads the files anew for each connection, so that renewed certificates hold from then on. Blocks.
pub(super) fn build(grant: &TlsGrant) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let ca = grant.ca.as_deref().map(certificates::read).transpose()?;
    let roots = match (&ca, grant.mode) {
        (Some(ca), _) => Some(ca.clone()),
        (None, TlsMode::VerifyCa | TlsMode::VerifyFull) => Some(certificates::of_system()?),
        (None, TlsMode::Disable | TlsMode::Prefer | TlsMode::Require) => None,
    };
    let check_name = grant.mode == TlsMode::VerifyFull;
    let verifier = Verifier::new(roots, check_name, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Setup(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match &grant.certificate {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let chain = certificates::read(path)?;
            let key = certificates::key(grant.key.as_deref().unwrap_or(path))?;
            builder.with_client_auth_cert(chain, key).map_err(TlsError::Client)?
        }
    };
    Ok(Arc::new(config))
}
