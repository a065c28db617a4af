//! XML namespaces.

/// The stream root, features and errors (RFC 6120 §4.8.1).
pub const STREAM: &str = "http://etherx.jabber.org/streams";
/// Client streams (RFC 6120 §4.8.3).
pub const CLIENT: &str = "jabber:client";
/// Server streams (RFC 6120 §4.8.3).
pub const SERVER: &str = "jabber:server";
/// Stream error conditions (RFC 6120 §14.3).
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// Stanza error conditions (RFC 6120 §14.5).
pub const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// STARTTLS (RFC 6120 §14.1).
pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// SASL (RFC 6120 §14.2).
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// Resource binding (RFC 6120 §14.4).
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// The hash of an avatar in presence (XEP-0153).
pub const VCARD_UPDATE: &str = "vcard-temp:x:update";
/// XMPP Ping (XEP-0199).
pub const PING: &str = "urn:xmpp:ping";
/// Types of channel binding that a server can do (XEP-0440).
pub const CHANNEL_BINDING: &str = "urn:xmpp:sasl-cb:0";
/// Server Dialback (XEP-0220).
pub const DIALBACK: &str = "jabber:server:dialback";
/// Its stream feature.
pub const DIALBACK_FEATURE: &str = "urn:xmpp:features:dialback";
