//! The certificates of all domains, good ones and bad ones, and who is to be trusted.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::domain::{Certificate, Domain, Named, Party};
use crate::certs::{self, CertificateFiles, Trait};

/// What the certificates of [`Certificate::OtherName`] are for.
const OTHER_NAME: &str = "elsewhere.example";

/// A folder with `NAME.crt`, `NAME.key`, and both in `NAME.pem`, for each domain by its name in DNS.
#[derive(Debug)]
pub(crate) struct Credentials {
    folder: PathBuf,
    /// The certificate of the authority that servers are to trust.
    pub(crate) authority: PathBuf,
    /// That one and the self-signed certificates: what clients trust.
    pub(crate) for_clients: PathBuf,
    keys: Vec<(Domain, String)>,
    /// What the web server has of a domain: its own certificate.
    web: Vec<(Domain, CertificateFiles)>,
}

impl Credentials {
    /// Makes the certificates of all domains of `parties`.
    pub(crate) fn write(parties: &[Party], folder: &Path) -> Result<Credentials> {
        let authority = certs::write_authority(&folder.join("authority"))?;
        let stranger = certs::write_authority_called(&folder.join("stranger"), "An authority that nobody trusts")?;
        let web_folder = folder.join("web");
        fs::create_dir_all(&web_folder)?;
        let (mut keys, mut web) = (Vec::new(), Vec::new());
        let mut trusted = fs::read_to_string(&authority.path)?;
        for domain in parties.iter().flat_map(|party| Domain::hosted_by(*party)) {
            let name = domain.ascii();
            // ejabberd wants a server that connects to it to be certified as a client; public authorities certify none
            // as both any more. So each kind is tried: the servers that have to do with ejabberd have the former.
            let is_for_clients_too = [Party::Jabiru, Party::Prosody].contains(&domain.party);
            let usual = if is_for_clients_too { Trait::ForClientsToo } else { Trait::Plain };
            let files = match domain.purpose.certificate() {
                Certificate::Authority => authority.certify_as(folder, &name, &name, usual)?,
                Certificate::Expired => authority.certify_as(folder, &name, &name, Trait::Expired)?,
                Certificate::OtherName => authority.certify_as(folder, &name, OTHER_NAME, usual)?,
                Certificate::Stranger => stranger.certify_as(folder, &name, &name, usual)?,
                Certificate::SelfSigned => {
                    let files = certs::self_sign(folder, &name)?;
                    trusted += &fs::read_to_string(&files.certificate)?;
                    files
                }
                Certificate::None => continue,
            };
            if domain.purpose.posh().is_some() {
                web.push((domain, authority.certify_as(&web_folder, &name, &name, Trait::Plain)?));
            }
            let CertificateFiles { certificate, key, public_key } = files;
            let both = fs::read_to_string(&key)? + &fs::read_to_string(&certificate)?;
            fs::write(certificate.with_extension("pem"), both)?;
            keys.push((domain, hexadecimal(&Sha256::digest(&public_key))));
        }
        let for_clients = folder.join("for-clients.crt");
        fs::write(&for_clients, trusted)?;
        Ok(Credentials { folder: folder.to_owned(), authority: authority.path, for_clients, keys, web })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A domain's file, with the extension `crt`, `key` or `pem`.
    pub(crate) fn file(&self, domain: Domain, extension: &str) -> String {
        self.folder.join(format!("{}.{extension}", domain.ascii())).display().to_string()
    }

    /// What the web server is told of those of the `domains` that publish something, by name.
    pub(super) fn sites(&self, domains: impl Iterator<Item = Domain>) -> Vec<(String, Value)> {
        let domains: Vec<Domain> = domains.collect();
        let here = self.web.iter().filter(|(domain, _)| domains.contains(domain));
        here.map(|(domain, files)| {
            let published = match domain.purpose.posh() {
                Some(Named::Right) => self.file(*domain, "crt"),
                _ => files.certificate.display().to_string(),
            };
            (domain.ascii(), json!({ "certificate": files.certificate, "key": files.key, "published": published }))
        })
        .collect()
    }

    /// The SHA-256 of a domain's public key, in hexadecimal.
    pub(super) fn key_of(&self, domain: Domain) -> String {
        self.keys.iter().find(|(of, _)| *of == domain).map(|(_, key)| key.clone()).unwrap_or_default()
    }
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
