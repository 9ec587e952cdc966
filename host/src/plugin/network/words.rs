//! Errors of connections in words.

use std::io;

use rustls::{AlertDescription, CertificateError, Error as RustlsError};

/// What webpki says of certificates of version 1.
const IS_OLD: &str = "UnsupportedCertVersion";

/// An error of a connection, with advice where there is any: in TLS 1.3 a server may complain of the
/// client's certificate after the handshake.
pub(super) fn words(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    inner.map_or_else(|| error.to_string(), advised)
}

/// The same of an error of TLS.
pub(super) fn advised(error: &RustlsError) -> String {
    let advice = match error {
        RustlsError::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server wants a certificate from its clients; name the file that has one"
        }
        RustlsError::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown,
        ) => {
            "the server does not accept the client's certificate; use one that has not expired, of a \
             CA that the server trusts"
        }
        RustlsError::InvalidCertificate(CertificateError::Other(other))
            if format!("{other:?}").contains(IS_OLD) =>
        {
            "the certificate is of X.509 version 1; let its CA issue one of version 3, which \
             `openssl x509 -req` does with -extfile"
        }
        _ => return error.to_string(),
    };
    format!("{error}: {advice}")
}
