//! Namespace names (RFC 6120 §14 and Appendix A; XEPs as named).

/// Streams: the root, its features and its errors (RFC 6120 §4.8.1).
pub const STREAM: &str = "http://etherx.jabber.org/streams";
/// Content of a client stream (RFC 6120 §4.8.3).
pub const CLIENT: &str = "jabber:client";
/// Content of a server stream (RFC 6120 §4.8.3).
pub const SERVER: &str = "jabber:server";
/// STARTTLS (RFC 6120 §14.1).
pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// SASL (RFC 6120 §14.2).
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// Stream error conditions (RFC 6120 §14.3).
pub const STREAM_ERROR: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// Resource binding (RFC 6120 §14.4).
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// Stanza error conditions (RFC 6120 §14.5).
pub const STANZA_ERROR: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// The legacy session request (RFC 3921 §3), answered for old clients.
pub const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// Server Dialback (XEP-0220).
pub const DIALBACK: &str = "jabber:server:dialback";
/// The stream feature of Server Dialback (XEP-0220 §2.4.2).
pub const DIALBACK_FEATURE: &str = "urn:xmpp:features:dialback";
/// Bidirectional server streams (XEP-0288).
pub const BIDI: &str = "urn:xmpp:bidi";
/// The stream feature of bidirectional server streams (XEP-0288 §2.1).
pub const BIDI_FEATURE: &str = "urn:xmpp:features:bidi";
/// Stream management (XEP-0198).
pub const SM: &str = "urn:xmpp:sm:3";
/// Channel-binding types on offer (XEP-0440).
pub const SASL_CHANNEL_BINDING: &str = "urn:xmpp:sasl-cb:0";
/// Application-specific conditions of policies (XEP-0205).
pub const ERRORS: &str = "urn:xmpp:errors";
/// In-band registration (XEP-0077).
pub const REGISTER: &str = "jabber:iq:register";
/// Service discovery: identity and features (XEP-0030).
pub const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
/// Service discovery: items (XEP-0030).
pub const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
/// Software version (XEP-0092).
pub const VERSION: &str = "jabber:iq:version";
/// Ping (XEP-0199).
pub const PING: &str = "urn:xmpp:ping";
