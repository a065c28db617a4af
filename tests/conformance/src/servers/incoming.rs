//! A connection that the subject has made to a domain of the judge's, negotiated as the receiving server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::client::{Client, Header, Item, Next, TlsOptions};
use crate::ns;
use crate::tree::{Element, escape};

/// What a receiving server offers to who connects, and grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offers {
    /// STARTTLS, as required.
    pub starttls: bool,
    /// SASL EXTERNAL, to who has shown a certificate.
    pub external: bool,
    /// Is who asks for EXTERNAL let in?
    pub external_succeeds: bool,
    /// Server Dialback.
    pub dialback: bool,
    /// What keys are called: `valid`, `invalid`; empty for no answer at all.
    pub key: &'static str,
}

impl Default for Offers {
    fn default() -> Offers {
        Offers { starttls: true, external: true, external_succeeds: true, dialback: true, key: "valid" }
    }
}

impl Offers {
    /// No other proof than Server Dialback.
    #[must_use]
    pub fn dialback() -> Offers {
        Offers { external: false, ..Offers::default() }
    }

    /// No other proof than a certificate.
    #[must_use]
    pub fn external() -> Offers {
        Offers { dialback: false, ..Offers::default() }
    }
}

/// A connection, and what the subject has done on it.
#[derive(Debug)]
pub struct Incoming {
    /// The connection.
    pub client: Client,
    /// The subject's stream headers, in their order.
    pub headers: Vec<Header>,
    /// Is there TLS?
    pub secure: bool,
    /// The initial response of EXTERNAL, if it was used.
    pub external: Option<String>,
    /// The keys of Server Dialback (`<db:result/>`) that were sent.
    pub keys: Vec<Element>,
    /// Has the subject proved who it is?
    pub proven: bool,
    /// Has the stream ended, and how?
    pub ended: Option<String>,
}

/// What came of looking at a connection.
pub(super) enum Step {
    /// An element that is for the case.
    Element(Element),
    /// A part of the negotiation; there may be more.
    Progress,
    /// Nothing has come.
    Idle,
}

impl Incoming {
    pub(super) fn new(client: Client) -> Incoming {
        Incoming {
            client,
            headers: Vec::new(),
            secure: false,
            external: None,
            keys: Vec::new(),
            proven: false,
            ended: None,
        }
    }

    /// The id of the stream as it is now.
    #[must_use]
    pub fn id(&self) -> String {
        let own = self.client.own_header().split(" id='").nth(1).and_then(|rest| rest.split('\'').next());
        format!("{}-{}", self.headers.len(), own.unwrap_or_default())
    }

    /// Takes the next part of the stream, if it has come, and answers it as far as it is negotiation.
    ///
    /// # Panics
    /// If a stanza comes before the subject has proved who it is (RFC 6120 §4.3.5), or what comes can't be read.
    #[track_caller]
    pub(super) fn step(&mut self, offers: Offers, options: &TlsOptions) -> Step {
        if self.ended.is_some() {
            return Step::Idle;
        }
        match self.client.receives_now() {
            Next::Nothing => return Step::Idle,
            Next::End(why) => {
                self.ended = Some(why);
                return Step::Idle;
            }
            Next::Item(Item::Header(header)) => self.opens(header, offers),
            Next::Item(Item::Space) => {}
            Next::Item(Item::Close) => {
                self.says("</stream:stream>");
                self.client.hangs_up();
                self.ended = Some("closed".to_owned());
            }
            Next::Item(Item::Element(element)) => return self.takes(element, offers, options),
        }
        Step::Progress
    }

    /// The TLS handshake, without which the connection is of no use any more.
    pub(super) fn takes_hands(&mut self, options: &TlsOptions) {
        match self.client.tries_to_take_hands(options) {
            Ok(()) => self.secure = true,
            Err(error) => {
                self.client.notes(&format!("TLS failed: {error}"));
                self.ended = Some(format!("TLS: {error}"));
            }
        }
    }

    fn opens(&mut self, header: Header, offers: Offers) {
        let to = header.attribute("from").unwrap_or_default().to_owned();
        self.headers.push(header);
        // Every stream has an id of its own, and an answer for who has asked.
        let number = self.headers.len();
        let mut header = self.client.own_header().replacen(" id='", &format!(" to='{}' id='{number}-", escape(&to)), 1);
        if !offers.dialback {
            // The declaration alone would be an offer (XEP-0220 §2.4.1).
            header = header.replace(&format!(" xmlns:db='{}'", ns::DIALBACK), "");
        }
        let mut features = String::new();
        if !self.secure && offers.starttls {
            features.push_str(&format!("<starttls xmlns='{}'><required/></starttls>", ns::TLS));
        } else if !self.proven {
            if offers.external && self.client.shown_certificate().is_some() {
                let mechanism = "<mechanism>EXTERNAL</mechanism>";
                features.push_str(&format!("<mechanisms xmlns='{}'>{mechanism}</mechanisms>", ns::SASL));
            }
            if offers.dialback {
                features.push_str(&format!("<dialback xmlns='{}'><errors/></dialback>", ns::DIALBACK_FEATURE));
            }
        }
        self.says(&format!("{header}<stream:features>{features}</stream:features>"));
    }

    #[track_caller]
    fn takes(&mut self, element: Element, offers: Offers, options: &TlsOptions) -> Step {
        match (element.name.as_str(), element.namespace.as_str()) {
            ("starttls", ns::TLS) => {
                self.says(&format!("<proceed xmlns='{}'/>", ns::TLS));
                self.takes_hands(options);
            }
            ("auth", ns::SASL) => {
                let text = element.text();
                let data = if text == "=" { Vec::new() } else { STANDARD.decode(&text).unwrap_or_default() };
                self.external = Some(String::from_utf8_lossy(&data).into_owned());
                if offers.external_succeeds {
                    self.says(&format!("<success xmlns='{}'/>", ns::SASL));
                    self.proven = true;
                    self.client.expects_new_stream();
                } else {
                    self.says(&format!("<failure xmlns='{}'><not-authorized/></failure>", ns::SASL));
                }
            }
            ("error", ns::STREAM) => {
                self.says("</stream:stream>");
                self.client.hangs_up();
                self.ended = Some(element.to_string());
            }
            ("result", ns::DIALBACK) if !offers.dialback => {
                self.client.notes("a key was not asked for");
                self.says(&format!(
                    "<stream:error><unsupported-stanza-type xmlns='{}'/></stream:error></stream:stream>",
                    ns::STREAM_ERRORS
                ));
                self.client.hangs_up();
                self.ended = Some("a key that nobody has asked for".to_owned());
            }
            ("result", ns::DIALBACK) if element.attribute("type").is_none() => {
                let value = |name| escape(element.attribute(name).unwrap_or_default());
                if !offers.key.is_empty() {
                    self.says(&format!(
                        "<db:result from='{}' to='{}' type='{}'/>",
                        value("to"),
                        value("from"),
                        offers.key
                    ));
                }
                self.proven |= offers.key == "valid";
                self.keys.push(element);
            }
            (name, namespace) => {
                let is_stanza = ["message", "presence", "iq"].contains(&name) && namespace == ns::SERVER;
                assert!(self.proven || !is_stanza, "a stanza before the stream was negotiated (§4.3.5): {element}");
                return Step::Element(element);
            }
        }
        Step::Progress
    }

    /// Says it to a subject that may listen no more.
    fn says(&mut self, text: &str) {
        // What the subject makes of it shows in what comes next.
        let _ = self.client.tries_to_send(text.as_bytes());
    }
}
