//! Files of certificates and keys, in PEM.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{Error as PemError, PemObject},
};

use super::limits::TLS_FILE_BYTES_MAX;
use crate::model::open_regular;

/// In the text of a key that is protected by a password.
const ENCRYPTED: &[u8] = b"ENCRYPTED";

/// Why a file gives no certificate or key.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("{} can't be read: {cause}", .path.display())]
    Unread { path: PathBuf, cause: std::io::Error },
    #[error("{} is larger than {TLS_FILE_BYTES_MAX} bytes, which is no PEM file", .path.display())]
    TooLarge { path: PathBuf },
    #[error("{} holds no certificate (-----BEGIN CERTIFICATE-----)", .path.display())]
    NoCertificate { path: PathBuf },
    #[error("{} holds no private key (-----BEGIN PRIVATE KEY-----)", .path.display())]
    NoKey { path: PathBuf },
    #[error(
        "the private key in {} is protected by a password, which the host cannot ask for; write the \
         key without one (`openssl pkey -in THIS -out NEW`) and let only this user read it",
        .path.display()
    )]
    EncryptedKey { path: PathBuf },
    #[error("{} is damaged: {cause}", .path.display())]
    Damaged { path: PathBuf, cause: String },
    #[error("a certificate to trust is unfit: {0}")]
    Unfit(rustls::Error),
    #[error("the system has no certificates to trust ({0}); name a CA file")]
    NoSystem(String),
}

/// The certificates of a file, at least one.
pub(super) fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let text = text(path)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = read.map_err(|error| unread(path, &text, &error))?;
    if certificates.is_empty() {
        return Err(FileError::NoCertificate { path: path.to_owned() });
    }
    Ok(certificates)
}

/// The first private key of a file.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, FileError> {
    let text = text(path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| unread(path, &text, &error))
}

/// What the system trusts.
pub(super) fn of_system() -> Result<Vec<CertificateDer<'static>>, FileError> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let error =
            found.errors.first().map_or_else(|| "none is installed".into(), ToString::to_string);
        return Err(FileError::NoSystem(error));
    }
    Ok(found.certs)
}

fn unread(path: &Path, text: &[u8], error: &PemError) -> FileError {
    let path = path.to_owned();
    // `BEGIN ENCRYPTED PRIVATE KEY`, or `Proc-Type: 4,ENCRYPTED` in the older form.
    let encrypted = text.windows(ENCRYPTED.len()).any(|words| words == ENCRYPTED);
    match error {
        _ if encrypted => FileError::EncryptedKey { path },
        PemError::NoItemsFound => FileError::NoKey { path },
        other => FileError::Damaged { path, cause: other.to_string() },
    }
}

fn text(path: &Path) -> Result<Vec<u8>, FileError> {
    let unread = |cause| FileError::Unread { path: path.to_owned(), cause };
    let mut text = Vec::new();
    let file = open_regular(path).map_err(unread)?;
    file.take(TLS_FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(unread)?;
    if text.len() as u64 > TLS_FILE_BYTES_MAX {
        return Err(FileError::TooLarge { path: path.to_owned() });
    }
    Ok(text)
}
