//! Stream negotiation: what most cases take for granted.

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConnection, ServerConnection};

use super::{Client, Header, Item, Login, Next, TlsOptions};
use crate::ns;
use crate::tree::Element;

/// The stream header that is sent unless a case has one of its own.
pub const HEADER: &str = "<?xml version='1.0'?><stream:stream to='$domain' version='1.0' xml:lang='en' \
                          xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/// Stream features (RFC 6120 §4.3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features(pub Element);

impl Features {
    /// `Some(true)` if STARTTLS is offered as required, `Some(false)` if it is voluntary.
    #[must_use]
    pub fn starttls(&self) -> Option<bool> {
        let starttls = self.0.child("starttls", ns::TLS)?;
        Some(starttls.child("required", ns::TLS).is_some())
    }

    /// The SASL mechanisms, in the server's order; empty without any.
    #[must_use]
    pub fn mechanisms(&self) -> Vec<String> {
        let mechanisms = self.0.child("mechanisms", ns::SASL).map(Element::elements);
        let name = |element: &Element| element.is("mechanism", ns::SASL).then(|| element.text());
        mechanisms.into_iter().flatten().filter_map(name).collect()
    }

    /// Is this mechanism offered?
    #[must_use]
    pub fn offers(&self, mechanism: &str) -> bool {
        self.mechanisms().iter().any(|offered| offered == mechanism)
    }

    /// Is this type of channel binding announced (XEP-0440)?
    #[must_use]
    pub fn binds_channels_by(&self, binding: &str) -> bool {
        let announced = self.0.child("sasl-channel-binding", ns::CHANNEL_BINDING).map(Element::elements);
        announced.into_iter().flatten().any(|offered| offered.attribute("type") == Some(binding))
    }

    /// Is resource binding offered?
    #[must_use]
    pub fn bind(&self) -> bool {
        self.0.child("bind", ns::BIND).is_some()
    }
}

impl Client {
    /// Opens a stream (again), up to its features.
    ///
    /// # Panics
    /// If none come.
    #[track_caller]
    pub fn opens(&mut self) -> Features {
        let header = self.initial.clone();
        self.sends_header(&header);
        self.receives_header();
        self.receives_features()
    }

    /// Sends a stream header of the case's own; what came before is forgotten.
    ///
    /// # Panics
    /// If the server does not take it.
    #[track_caller]
    pub fn sends_header(&mut self, header: &str) -> &mut Client {
        self.expects_new_stream();
        self.sends(header)
    }

    /// The stream header.
    ///
    /// # Panics
    /// If something else comes.
    #[track_caller]
    pub fn receives_header(&mut self) -> Header {
        match self.receives_next() {
            Next::Item(Item::Header(header)) => {
                assert!(
                    header.root.is("stream", ns::STREAM),
                    "a stream header was due (RFC 6120 §4.8.1), but this is {} of {:?}",
                    header.root.name,
                    header.root.namespace
                );
                header
            }
            other => panic!("a stream header was due: {other:?}"),
        }
    }

    /// The stream features.
    ///
    /// # Panics
    /// If something else comes.
    #[track_caller]
    pub fn receives_features(&mut self) -> Features {
        let element = self.receives_any();
        assert!(element.is("features", ns::STREAM), "stream features were due: {element}");
        Features(element)
    }

    /// `<starttls/>`, the server's consent, and the TLS handshake. The next thing due is a new stream.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn starts_tls(&mut self) -> &mut Client {
        self.sends("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        self.receives("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        self.shakes_hands(&TlsOptions::default())
    }

    /// The TLS handshake alone.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn shakes_hands(&mut self, options: &TlsOptions) -> &mut Client {
        if let Err(error) = self.tries_to_shake_hands(options) {
            panic!("the TLS handshake failed: {error}");
        }
        self
    }

    /// The TLS handshake alone, which may fail.
    ///
    /// # Errors
    /// What TLS or the socket says.
    ///
    /// # Panics
    /// If something came in clear after the server's consent.
    #[track_caller]
    pub fn tries_to_shake_hands(&mut self, options: &TlsOptions) -> std::io::Result<()> {
        assert!(
            self.items.is_empty() && self.parser.is_empty(),
            "something came in clear before TLS: {}",
            self.heard()
        );
        let site = &self.scope.site;
        let name = options.server_name.clone().unwrap_or_else(|| site.domain.clone());
        let name = ServerName::try_from(name).map_err(std::io::Error::other)?;
        let session = ClientConnection::new(options.config(&site.trust), name).map_err(std::io::Error::other)?;
        self.wire.start_tls(session, self.scope.limit())?;
        self.tls_is_there();
        Ok(())
    }

    /// The TLS handshake alone, as the side that was connected to; it may fail.
    ///
    /// # Errors
    /// What TLS or the socket says.
    pub fn tries_to_take_hands(&mut self, options: &TlsOptions) -> std::io::Result<()> {
        let session = ServerConnection::new(options.server_config()).map_err(std::io::Error::other)?;
        self.wire.start_tls(session, self.scope.limit())?;
        self.tls_is_there();
        Ok(())
    }

    fn tls_is_there(&mut self) {
        let version = self.wire.tls().and_then(|tls| tls.protocol_version());
        self.notes(&version.map_or("TLS".to_owned(), |version| format!("{version:?}")));
        self.expects_new_stream();
    }

    /// The certificate that the other side of TLS has shown, if it has.
    #[must_use]
    pub fn shown_certificate(&self) -> Option<CertificateDer<'static>> {
        let certificates = self.wire.tls()?.peer_certificates()?;
        certificates.first().map(|certificate| certificate.clone().into_owned())
    }

    /// SASL as this role, with the strongest mechanism that both have. The next thing due is a new stream.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn authenticates(&mut self, role: &str, features: &Features) -> &mut Client {
        let account = self.scope.account(role);
        let strongest = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN"];
        let can_bind = self.has_tls_exporter() && features.binds_channels_by("tls-exporter");
        let usable = |name: &&str| features.offers(name) && (!name.ends_with("-PLUS") || can_bind);
        let Some(mechanism) = strongest.into_iter().find(usable) else {
            panic!("no mechanism that we have is offered: {:?}", features.mechanisms());
        };
        let answer = self.negotiates_sasl(&Login::new(mechanism, &account.local, &account.password));
        if let Some(condition) = answer.failure() {
            panic!("{mechanism} as {} failed: {condition}", account.jid);
        }
        self.becomes(role)
    }

    /// Remembers whose stream it is; [`authenticates`](Self::authenticates) does so by itself.
    pub fn becomes(&mut self, role: &str) -> &mut Client {
        self.account = Some(role.to_owned());
        self.jid = self.scope.account(role).jid;
        self.name = format!("{} {role}", self.name);
        self
    }

    /// Binds this resource.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn binds(&mut self, resource: &str) -> &mut Client {
        self.requests_resource(Some(resource));
        self
    }

    /// Binds a resource, or has the server make one (RFC 6120 §7.6, §7.7); the full JID.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn requests_resource(&mut self, resource: Option<&str>) -> String {
        let wanted = resource.map(|name| format!("<resource>{}</resource>", crate::tree::escape(name)));
        self.sends(format!(
            "<iq type='set' id='bind'><bind xmlns='{}'>{}</bind></iq>",
            ns::BIND,
            wanted.unwrap_or_default()
        ));
        let answer = self.receives(format!(
            "<iq type='result' id='bind' from='?' to='?'><bind xmlns='{}'><jid>*</jid></bind></iq>",
            ns::BIND
        ));
        let jid = answer.child("bind", ns::BIND).and_then(|bind| bind.child("jid", ns::BIND)).map(Element::text);
        let jid = jid.unwrap_or_default();
        let (bare, _) = jid.split_once('/').unwrap_or_else(|| panic!("a full JID was due (§7.6.1): {jid}"));
        // Not compared whole: a server may have prepared it.
        let own = self.jid.split('/').next().unwrap_or_default();
        assert!(self.account.is_none() || bare.eq_ignore_ascii_case(own), "{jid} is not of the account {own}");
        self.jid = jid;
        self.name = format!("{}/{}", self.name, self.jid.split_once('/').map_or("", |(_, resource)| resource));
        self.jid.clone()
    }

    /// Sends initial presence and waits until the server has processed it.
    ///
    /// # Panics
    /// If the server does not answer.
    #[track_caller]
    pub fn becomes_available(&mut self) -> &mut Client {
        self.sends("<presence/>");
        self.settles();
        self
    }

    /// Closes the stream and awaits the server's closing tag and the end of the connection (RFC 6120 §4.4).
    ///
    /// # Panics
    /// If either does not come.
    #[track_caller]
    pub fn closes(&mut self) {
        self.sends("</stream:stream>");
        loop {
            match self.receives_next() {
                Next::Item(Item::Close) => break,
                Next::Item(Item::Element(_) | Item::Space) => {}
                other => panic!("the closing tag was due: {other:?}"),
            }
        }
        self.receives_end();
    }
}
