//! One client from the first octet to the bound resource.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sasl::client::Mechanism;
use sasl::client::mechanisms::Scram;
use sasl::common::scram::Sha1;
use sasl::common::{ChannelBinding, Credentials};

use crate::wire::Wire;

/// The server under load, and its accounts: `load-0000` and so on, all with one password.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its domain.
    pub domain: String,
    /// The password of all accounts.
    pub password: String,
    /// How streams are protected.
    pub security: Security,
}

/// How streams are protected.
#[derive(Clone, Debug)]
pub enum Security {
    /// Not at all.
    Plain,
    /// STARTTLS.
    StartTls(Arc<ClientConfig>),
    /// TLS from the first octet.
    Direct(Arc<ClientConfig>),
}

impl Security {
    /// What a client needs for TLS that trusts this certificate. Every login is a whole handshake.
    ///
    /// # Errors
    /// If the file is no certificate.
    pub fn trusting(certificate: &Path) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(certificate).context("can't read the certificate")?;
        roots.add(certificate)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }
}

/// A client's stream.
#[derive(Debug)]
pub struct Login {
    pub(crate) wire: Wire,
    received: Vec<u8>,
    /// The full JID.
    pub jid: String,
}

impl Login {
    /// Logs in with SCRAM-SHA-1 and binds this resource.
    ///
    /// # Errors
    /// Whatever the server says instead.
    pub fn new(target: &Target, account: usize, resource: &str) -> Result<Login> {
        let wire = Wire::connect(target.address).with_context(|| format!("can't connect to {}", target.address))?;
        let mut login = Login { wire, received: Vec::new(), jid: String::new() };
        let name = ServerName::try_from(target.domain.clone())?;
        match &target.security {
            Security::Plain => {}
            Security::StartTls(config) => {
                login.open(target)?;
                login.say("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")?;
                login.until(b"<proceed")?;
                login.wire.start_tls(config.clone(), name)?;
            }
            Security::Direct(config) => login.wire.start_tls(config.clone(), name)?,
        }
        login.open(target)?;
        login.authenticate(&account_name(account), &target.password)?;
        login.open(target)?;
        login.say(&format!(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind></iq>"
        ))?;
        let answer = login.until(b"</iq>")?;
        login.jid = between(&answer, "<jid>", "</jid>").with_context(|| format!("not bound: {answer}"))?.to_owned();
        Ok(login)
    }

    /// Makes an account by in-band registration (XEP-0077), on servers that have it.
    ///
    /// # Errors
    /// Whatever the server says instead.
    pub fn register(target: &Target, account: usize) -> Result<()> {
        let wire = Wire::connect(target.address)?;
        let mut login = Login { wire, received: Vec::new(), jid: String::new() };
        login.open(target)?;
        login.say(&format!(
            "<iq type='set' id='reg'><query xmlns='jabber:iq:register'><username>{}</username><password>{}</password></query></iq>",
            account_name(account),
            target.password
        ))?;
        let answer = login.until_any(&[b"</iq>", b"/>"])?;
        if !answer.contains("result") {
            bail!("not registered: {answer}");
        }
        Ok(())
    }

    /// Closes the stream and awaits the other side's end of it.
    ///
    /// # Errors
    /// If it does not come.
    pub fn close(mut self) -> Result<()> {
        self.say("</stream:stream>")?;
        self.until(b"</stream:stream>").map(|_| ())
    }

    fn open(&mut self, target: &Target) -> Result<()> {
        self.say(&format!(
            "<?xml version='1.0'?><stream:stream to='{}' version='1.0' xml:lang='en' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams'>",
            target.domain
        ))?;
        self.until(b"</stream:features>").map(|_| ())
    }

    fn authenticate(&mut self, user: &str, password: &str) -> Result<()> {
        let credentials = Credentials::default()
            .with_username(user)
            .with_password(password)
            .with_channel_binding(ChannelBinding::None);
        let mut scram = Scram::<Sha1>::from_credentials(credentials).map_err(anyhow::Error::msg)?;
        let initial = STANDARD.encode(scram.initial());
        self.say(&format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>{initial}</auth>"))?;
        let challenge = self.sasl_data("challenge")?;
        let response = scram.response(&challenge).map_err(anyhow::Error::msg)?;
        let response = STANDARD.encode(response);
        self.say(&format!("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{response}</response>"))?;
        let success = self.sasl_data("success")?;
        scram.success(&success).map_err(anyhow::Error::msg)
    }

    fn sasl_data(&mut self, element: &str) -> Result<Vec<u8>> {
        let end = format!("</{element}>");
        let answer = self.until_any(&[end.as_bytes(), b"</failure>"])?;
        let start = format!("<{element}");
        let content = answer.split_once(&start).and_then(|(_, rest)| between(rest, ">", &end));
        Ok(STANDARD.decode(content.with_context(|| format!("not authenticated: {answer}"))?)?)
    }

    fn say(&mut self, text: &str) -> Result<()> {
        self.wire.send(text.as_bytes()).with_context(|| format!("can't send {text}"))
    }

    fn until(&mut self, marker: &[u8]) -> Result<String> {
        self.until_any(&[marker])
    }

    /// Takes what comes up to one of the markers.
    fn until_any(&mut self, markers: &[&[u8]]) -> Result<String> {
        let mut buffer = [0; 4096];
        loop {
            for marker in markers {
                if let Some(place) = memmem::find(&self.received, marker) {
                    let rest = self.received.split_off(place + marker.len());
                    let answer = std::mem::replace(&mut self.received, rest);
                    return Ok(String::from_utf8_lossy(&answer).into_owned());
                }
            }
            let so_far = |received: &[u8]| String::from_utf8_lossy(received).into_owned();
            match self.wire.receive(&mut buffer) {
                Ok(0) => bail!("the server has ended the stream: {}", so_far(&self.received)),
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) => return Err(error).context(format!("nothing came after {}", so_far(&self.received))),
            }
        }
    }
}

pub(crate) fn account_name(account: usize) -> String {
    format!("load-{account:04}")
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inner, _)| inner)
}
