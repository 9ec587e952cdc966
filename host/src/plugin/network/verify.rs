//! Judges the certificate of a server: not at all, by its signer, or by its name too.

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use super::certificates::FileError;

/// What webpki says of a certificate that is its own CA.
const IS_CA: &str = "CaUsedAsEndEntity";

/// A verifier of the operator's making.
#[derive(Debug)]
pub(super) struct Verifier {
    trusted: Option<Trusted>,
    check_name: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
struct Trusted {
    roots: RootCertStore,
    certificates: Vec<CertificateDer<'static>>,
}

impl Verifier {
    /// Without roots any certificate will do, as long as the server has its key.
    pub(super) fn new(
        certificates: Option<Vec<CertificateDer<'static>>>,
        check_name: bool,
        provider: &CryptoProvider,
    ) -> Result<Self, FileError> {
        let trusted = certificates.map(Trusted::new).transpose()?;
        Ok(Self { trusted, check_name, algorithms: provider.signature_verification_algorithms })
    }
}

impl Trusted {
    /// One certificate that can't be used is no harm among many.
    fn new(certificates: Vec<CertificateDer<'static>>) -> Result<Self, FileError> {
        let mut roots = RootCertStore::empty();
        let mut unfit = None;
        for certificate in &certificates {
            if let Err(error) = roots.add(certificate.clone()) {
                unfit = Some(error);
            }
        }
        match unfit {
            Some(error) if roots.is_empty() => Err(FileError::Unfit(error)),
            _ => Ok(Self { roots, certificates }),
        }
    }

    fn signed(
        &self,
        certificate: &CertificateDer<'_>,
        parsed: &ParsedCertificate<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Result<(), Error> {
        let (roots, all) = (&self.roots, algorithms.all);
        let signed =
            verify_server_cert_signed_by_trust_anchor(parsed, roots, intermediates, now, all);
        match signed {
            // `openssl req -x509` makes certificates that sign themselves. One that the operator
            // named as the CA is trusted as it is; its dates were checked before.
            Err(Error::InvalidCertificate(CertificateError::Other(other)))
                if format!("{other:?}").contains(IS_CA)
                    && self.certificates.iter().any(|known| known == certificate) =>
            {
                Ok(())
            }
            signed => signed,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(trusted) = &self.trusted {
            let parsed = ParsedCertificate::try_from(certificate)?;
            trusted.signed(certificate, &parsed, intermediates, now, self.algorithms)?;
            if self.check_name {
                verify_server_name(&parsed, name)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
