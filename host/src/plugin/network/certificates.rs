//! Files of certificates and keys, in PEM.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use rustls::pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{Error as PemError, PemObject},
};

use super::limits::TLS_FILE_BYTES_MAX;

/// Why a file gives no certificate or key.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("{} can't be read: {cause}", .path.display())]
    Unread { path: PathBuf, cause: std::io::Error },
    #[error("{} is larger than {TLS_FILE_BYTES_MAX} bytes, which is no PEM file", .path.display())]
    TooLarge { path: PathBuf },
    #[error("{} holds no certificate (-----BEGIN CERTIFICATE-----)", .path.display())]
    NoCertificate { path: PathBuf },
    #[error("{} holds no private key without a password (-----BEGIN PRIVATE KEY-----)", .path.display())]
    NoKey { path: PathBuf },
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
    let certificates = read.map_err(|error| damaged(path, &error))?;
    if certificates.is_empty() {
        return Err(FileError::NoCertificate { path: path.to_owned() });
    }
    Ok(certificates)
}

/// The first private key of a file.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, FileError> {
    PrivateKeyDer::from_pem_slice(&text(path)?).map_err(|error| match error {
        PemError::NoItemsFound => FileError::NoKey { path: path.to_owned() },
        other => damaged(path, &other),
    })
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

fn damaged(path: &Path, error: &PemError) -> FileError {
    FileError::Damaged { path: path.to_owned(), cause: error.to_string() }
}

fn text(path: &Path) -> Result<Vec<u8>, FileError> {
    let unread = |cause| FileError::Unread { path: path.to_owned(), cause };
    let mut text = Vec::new();
    let file = File::open(path).map_err(unread)?;
    file.take(TLS_FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(unread)?;
    if text.len() as u64 > TLS_FILE_BYTES_MAX {
        return Err(FileError::TooLarge { path: path.to_owned() });
    }
    Ok(text)
}
