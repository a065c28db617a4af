//! The certificate of a domain that was given none: made at the first start, kept in the data
//! directory, and the operator's to replace.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jabiru_net::Identity;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use sha2::{Digest, Sha256};

/// Where the certificates made by the server are, below the data directory.
const FOLDER: &str = "certificates";

/// Reads the certificate kept for `domain`, or makes it (for the key that is kept, if there is one); and where it is.
pub(crate) fn kept_or_made(data_directory: &Path, domain: &str) -> anyhow::Result<(Identity, PathBuf)> {
    let folder = data_directory.join(FOLDER);
    let (chain, key) = (folder.join(format!("{domain}.crt")), folder.join(format!("{domain}.key")));
    if !chain.exists() {
        make(&folder, domain, &chain, &key)
            .with_context(|| format!("can't make a certificate for {domain} in {}", folder.display()))?;
    } else if !key.exists() {
        bail!("{} has lost its key {}: restore it, or remove the certificate too", chain.display(), key.display());
    }
    let identity = Identity::from_pem_files(&chain, &key)?;
    Ok((identity, chain))
}

/// The SHA-256 fingerprint of a certificate in the notation that other tools use.
pub(crate) fn fingerprint(certificate: &[u8]) -> String {
    let digest = Sha256::digest(certificate);
    let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

fn make(folder: &Path, domain: &str, chain: &Path, key: &Path) -> anyhow::Result<()> {
    create_private_folder(folder)?;
    // RFC 6120 §13.7.1.2: the domain as dNSName; clients accept it once they are told to trust it.
    let mut params = CertificateParams::new([to_ascii(domain)])?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, domain);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = std::time::SystemTime::now();
    // A clock that is a day off must not make it invalid; ten years, because nobody renews it.
    params.not_before = (now - DAY).into();
    params.not_after = (now + DAY * (10 * 365)).into();
    // A key alone is what a first start leaves that was interrupted between the two files.
    let pair = if key.exists() {
        KeyPair::from_pem(&fs::read_to_string(key).with_context(|| format!("can't read {}", key.display()))?)?
    } else {
        let pair = KeyPair::generate()?;
        write_new(key, pair.serialize_pem().as_bytes(), 0o600)?;
        pair
    };
    let certificate = params.self_signed(&pair)?;
    write_new(chain, certificate.pem().as_bytes(), 0o644)?;
    Ok(())
}

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// A domainpart as it stands in a certificate: IDNA A-labels (RFC 6120 §13.7.1.1).
pub(crate) fn to_ascii(domain: &str) -> String {
    idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_owned())
}

/// Creates a folder, and those above it, that only this user may enter.
pub(crate) fn create_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Writes a file that must not exist yet, never readable by others in between, all of it or none.
pub(crate) fn write_new(path: &Path, content: &[u8], mode: u32) -> anyhow::Result<()> {
    let temporary = path.with_extension("new");
    // What an interrupted start has left may be readable by others, and would stay so.
    let _ = fs::remove_file(&temporary);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let written = options.open(&temporary).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    });
    written.with_context(|| format!("can't write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (first, path) = kept_or_made(folder.path(), "localhost").unwrap();
        let (second, _) = kept_or_made(folder.path(), "localhost").unwrap();
        assert_eq!(first.certificate(), second.certificate());
        assert_eq!(fingerprint(first.certificate()).len(), 32 * 3 - 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let key = path.with_extension("key");
            assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    /// A start that was interrupted may have left a file for others to read, where now a key is written.
    #[cfg(unix)]
    #[test]
    fn what_was_left_half_written_is_not_reused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join("im.example.new");
        fs::write(&left, "half").unwrap();
        fs::set_permissions(&left, fs::Permissions::from_mode(0o644)).unwrap();
        let key = folder.path().join("im.example.key");
        write_new(&key, b"secret", 0o600).unwrap();
        assert_eq!(fs::read(&key).unwrap(), b"secret");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }

    /// The first start was interrupted between the two files: that must not prevent the second.
    #[test]
    fn a_key_alone_gets_its_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let (_, path) = kept_or_made(folder.path(), "im.example").unwrap();
        let key = fs::read(path.with_extension("key")).unwrap();
        fs::remove_file(&path).unwrap();
        kept_or_made(folder.path(), "im.example").unwrap();
        assert_eq!(fs::read(path.with_extension("key")).unwrap(), key);
    }

    #[test]
    fn a_lost_key_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (_, path) = kept_or_made(folder.path(), "im.example").unwrap();
        fs::remove_file(path.with_extension("key")).unwrap();
        let error = kept_or_made(folder.path(), "im.example").unwrap_err().to_string();
        assert!(error.contains("im.example.key"), "{error}");
    }
}
