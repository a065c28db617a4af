//! What a client has to receive.

use std::collections::BTreeMap;

use super::{Client, Item, Next};
use crate::ns;
use crate::tree::{Element, differences};

/// The conditions of RFC 6120 §4.9.3.
pub const STREAM_CONDITIONS: [&str; 25] = [
    "bad-format",
    "bad-namespace-prefix",
    "conflict",
    "connection-timeout",
    "host-gone",
    "host-unknown",
    "improper-addressing",
    "internal-server-error",
    "invalid-from",
    "invalid-namespace",
    "invalid-xml",
    "not-authorized",
    "not-well-formed",
    "policy-violation",
    "remote-connection-failed",
    "reset",
    "resource-constraint",
    "restricted-xml",
    "see-other-host",
    "system-shutdown",
    "undefined-condition",
    "unsupported-encoding",
    "unsupported-feature",
    "unsupported-stanza-type",
    "unsupported-version",
];

/// The conditions of RFC 6120 §6.5.
pub const SASL_CONDITIONS: [&str; 11] = [
    "aborted",
    "account-disabled",
    "credentials-expired",
    "encryption-required",
    "incorrect-encoding",
    "invalid-authzid",
    "invalid-mechanism",
    "malformed-request",
    "mechanism-too-weak",
    "not-authorized",
    "temporary-auth-failure",
];

/// The conditions of RFC 6120 §8.3.3.
pub const STANZA_CONDITIONS: [&str; 22] = [
    "bad-request",
    "conflict",
    "feature-not-implemented",
    "forbidden",
    "gone",
    "internal-server-error",
    "item-not-found",
    "jid-malformed",
    "not-acceptable",
    "not-allowed",
    "not-authorized",
    "policy-violation",
    "recipient-unavailable",
    "redirect",
    "registration-required",
    "remote-server-not-found",
    "remote-server-timeout",
    "resource-constraint",
    "service-unavailable",
    "subscription-required",
    "undefined-condition",
    "unexpected-request",
];

/// A stream error that was received as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamErrorSeen {
    /// The defined condition.
    pub condition: String,
    /// The character data of the condition, such as the host of `see-other-host`.
    pub content: String,
    /// The descriptive text.
    pub text: Option<String>,
    /// The application-specific condition (RFC 6120 §4.9.4).
    pub application: Option<Element>,
    /// All of it.
    pub element: Element,
}

impl Client {
    /// The next first-level element, which has to be this one; see [`differences`] for what an expectation may
    /// leave open, and [`Subject::expand`](crate::Subject::expand) for `$juliet`.
    ///
    /// Presence from other resources of the client's own account is passed over, unless presence is expected.
    ///
    /// # Panics
    /// If something else comes.
    #[track_caller]
    pub fn receives(&mut self, xml: impl AsRef<str>) -> Element {
        let expected = Element::parse_within(&self.scope.expand(xml.as_ref()), self.content);
        let received = self.receives_relevant(&expected.name);
        let found = differences(&expected, &received);
        assert!(found.is_empty(), "{}\n  expected: {expected}\n  received: {received}", found.join("\n"));
        received
    }

    /// The next first-level elements, in any order, each of which has to be one of these.
    ///
    /// # Panics
    /// If others come.
    #[track_caller]
    pub fn receives_in_any_order<const N: usize>(&mut self, xml: [&str; N]) -> Vec<Element> {
        let mut open: Vec<Element> =
            xml.iter().map(|xml| Element::parse_within(&self.scope.expand(xml), self.content)).collect();
        let mut received = Vec::new();
        while !open.is_empty() {
            let name = if open.iter().any(|expected| expected.name == "presence") { "presence" } else { "" };
            let element = self.receives_relevant(name);
            let Some(place) = open.iter().position(|expected| differences(expected, &element).is_empty()) else {
                let open: Vec<String> = open.iter().map(ToString::to_string).collect();
                panic!("something else\n  expected: {}\n  received: {element}", open.join("\n        or: "));
            };
            open.remove(place);
            received.push(element);
        }
        received
    }

    /// The next first-level element, whatever it is.
    ///
    /// # Panics
    /// If the stream ends, or nothing comes.
    #[track_caller]
    pub fn receives_any(&mut self) -> Element {
        loop {
            match self.receives_next() {
                Next::Item(Item::Element(element)) => return element,
                Next::Item(Item::Space) => {}
                Next::Item(other) => panic!("an element was due: {other:?}"),
                Next::End(why) => panic!("an element was due, but the connection has ended: {why}"),
                Next::Nothing => panic!("an element was due, but nothing came in time"),
            }
        }
    }

    /// The error that answers the stanza with this id (RFC 6120 §8.3): its type, defined condition and syntax.
    ///
    /// # Panics
    /// If something else comes.
    #[track_caller]
    pub fn receives_stanza_error(&mut self, id: &str, error_type: &str, condition: &str) -> Element {
        self.receives_stanza_error_of(id, &[(error_type, condition)])
    }

    /// The same with several pairs of type and condition that the rule leaves open.
    ///
    /// # Panics
    /// If something else comes.
    #[track_caller]
    pub fn receives_stanza_error_of(&mut self, id: &str, allowed: &[(&str, &str)]) -> Element {
        let stanza = self.receives_relevant("");
        assert_eq!(stanza.attribute("type"), Some("error"), "an error was due: {stanza}");
        assert_eq!(stanza.attribute("id"), Some(id), "the id is that of the stanza in error (§8.3.1): {stanza}");
        let (error_type, condition) = stanza_error(&stanza);
        assert!(
            allowed.iter().any(|(kind, name)| *kind == error_type && *name == condition),
            "{condition} of type {error_type} instead of {allowed:?}: {stanza}"
        );
        stanza
    }

    /// A stream error, with all that belongs to it: the response header before it if none was sent yet (RFC 6120
    /// §4.9.1.2), the syntax (§4.9.2), the closing tag after it and the end of the connection (§4.9.1.1), and
    /// nothing in between.
    ///
    /// # Panics
    /// If that is not so.
    #[track_caller]
    pub fn receives_stream_error(&mut self, condition: &str) -> StreamErrorSeen {
        self.receives_stream_error_of(&[condition])
    }

    /// The same with several conditions that the rule leaves open.
    ///
    /// # Panics
    /// If that is not so.
    #[track_caller]
    pub fn receives_stream_error_of(&mut self, allowed: &[&str]) -> StreamErrorSeen {
        let mut element = None;
        if self.header.is_none() {
            self.receives_header();
            // What follows the header in one breath may be the features, which are no answer to an error.
            let first = self.receives_any();
            if !first.is("features", ns::STREAM) {
                element = Some(first);
            }
        }
        let element = element.unwrap_or_else(|| self.receives_relevant(""));
        let error = stream_error(&element);
        assert!(
            allowed.contains(&error.condition.as_str()),
            "the stream error is {} instead of {}: {element}",
            error.condition,
            allowed.join(" or ")
        );
        self.receives_close();
        // Whoever closes may wait for our closing tag (§4.4), but may also be gone already (§4.9.1.1).
        let _ = self.tries_to_send(b"</stream:stream>");
        self.receives_end();
        error
    }

    /// The closing tag of the stream.
    ///
    /// # Panics
    /// If something else comes.
    #[track_caller]
    pub fn receives_close(&mut self) {
        loop {
            match self.receives_next() {
                Next::Item(Item::Close) => return,
                Next::Item(Item::Space) => {}
                other => panic!("the closing tag was due: {other:?}"),
            }
        }
    }

    /// The end of the connection, with nothing before it.
    ///
    /// # Panics
    /// If something comes, or the connection stays.
    #[track_caller]
    pub fn receives_end(&mut self) {
        match self.receives_next() {
            Next::End(_) => {}
            Next::Nothing => panic!("the server has not ended the connection"),
            other @ Next::Item(_) => panic!("the end of the connection was due: {other:?}"),
        }
    }

    /// A SASL failure with this condition (RFC 6120 §6.4.5, §6.5).
    ///
    /// # Panics
    /// If something else comes.
    #[track_caller]
    pub fn receives_sasl_failure(&mut self, condition: &str) -> Element {
        let element = self.receives_any();
        assert!(element.is("failure", ns::SASL), "a SASL failure was due: {element}");
        assert_eq!(sasl_condition(&element), condition, "{element}");
        element
    }

    /// Waits until the server has processed everything sent so far (it answers in order, RFC 6120 §10.1), and
    /// proves that nothing else has come until then.
    ///
    /// # Panics
    /// If something has come.
    #[track_caller]
    pub fn settles(&mut self) {
        let come = self.collects();
        assert!(come.is_empty(), "nothing was to come, but this did: {}", list(&come));
    }

    /// Waits as [`settles`](Self::settles) does; what has come until then, without presence of its own account.
    ///
    /// # Panics
    /// If the server does not answer.
    #[track_caller]
    pub fn collects(&mut self) -> Vec<Element> {
        self.pings += 1;
        let id = format!("settles-{}", self.pings);
        // Any answer will do: a server without XEP-0199 has to answer with an error.
        self.sends(format!("<iq type='get' id='{id}' to='$domain'><ping xmlns='{}'/></iq>", ns::PING));
        let mut come = Vec::new();
        loop {
            let element = self.receives_relevant("");
            if element.name == "iq" && element.attribute("id") == Some(&id) {
                return come;
            }
            come.push(element);
        }
    }

    /// Proves that nothing has come to us from what `sender` sent before: a message sent last comes first.
    ///
    /// # Panics
    /// If something has.
    #[track_caller]
    pub fn hears_nothing_from(&mut self, sender: &mut Client) {
        let come = self.collects_from(sender);
        assert!(come.is_empty(), "nothing was to come, but this did: {}", list(&come));
    }

    /// Has `sender` send one message more; what has come until that one.
    ///
    /// # Panics
    /// If it does not arrive.
    #[track_caller]
    pub fn collects_from(&mut self, sender: &mut Client) -> Vec<Element> {
        sender.pings += 1;
        let id = format!("last-{}", sender.pings);
        let to = crate::tree::escape(&self.jid);
        sender.sends_bytes(format!("<message to='{to}' id='{id}' type='chat'><body>the last</body></message>"));
        let mut come = Vec::new();
        loop {
            let element = self.receives_relevant("");
            if element.name == "message" && element.attribute("id") == Some(&id) {
                return come;
            }
            come.push(element);
        }
    }

    /// The next element that is not background noise while an element of this name is expected.
    #[track_caller]
    fn receives_relevant(&mut self, expected: &str) -> Element {
        loop {
            let element = self.receives_any();
            if expected != "presence" && self.is_own_presence(&element) {
                continue;
            }
            return element;
        }
    }

    /// Presence of the account's own resources, of which a server tells all of them (RFC 6121 §4.2.2).
    fn is_own_presence(&self, element: &Element) -> bool {
        let bare = |jid: &str| jid.split('/').next().unwrap_or_default().to_owned();
        element.is("presence", ns::CLIENT)
            && !self.jid.is_empty()
            && matches!(element.attribute("type"), None | Some("unavailable"))
            && element.attribute("from").is_some_and(|from| bare(from) == bare(&self.jid))
    }
}

/// Reads a stream error by the schema of RFC 6120 §4.9.2.
#[track_caller]
fn stream_error(element: &Element) -> StreamErrorSeen {
    assert!(element.is("error", ns::STREAM), "a stream error was due: {element}");
    let children: Vec<&Element> = element.elements().collect();
    let parts = Parts::of(&children, ns::STREAM_ERRORS, &STREAM_CONDITIONS, element);
    let (condition, content) = (parts.condition.name.clone(), parts.condition.text());
    StreamErrorSeen { condition, content, text: parts.text, application: parts.application, element: element.clone() }
}

/// The type and condition of a stanza error, read by the schema of RFC 6120 §8.3.2.
#[track_caller]
pub(crate) fn stanza_error(stanza: &Element) -> (String, String) {
    let errors: Vec<&Element> = stanza.elements().filter(|child| child.is("error", &stanza.namespace)).collect();
    let [error] = errors[..] else { panic!("one <error/> was due (§8.3.1): {stanza}") };
    let error_type = error.attribute("type").unwrap_or_default().to_owned();
    let types = ["auth", "cancel", "continue", "modify", "wait"];
    assert!(types.contains(&error_type.as_str()), "{error_type:?} is no type of stanza error (§8.3.2): {stanza}");
    let children: Vec<&Element> = error.elements().collect();
    let parts = Parts::of(&children, ns::STANZA_ERRORS, &STANZA_CONDITIONS, stanza);
    (error_type, parts.condition.name.clone())
}

/// The condition of a SASL failure, read by the schema of RFC 6120 §6.4.5.
#[track_caller]
pub(crate) fn sasl_condition(failure: &Element) -> String {
    let children: Vec<&Element> = failure.elements().collect();
    Parts::of(&children, ns::SASL, &SASL_CONDITIONS, failure).condition.name.clone()
}

/// The three parts of which every error of RFC 6120 is made.
struct Parts<'a> {
    condition: &'a Element,
    text: Option<String>,
    application: Option<Element>,
}

impl<'a> Parts<'a> {
    #[track_caller]
    fn of(children: &[&'a Element], namespace: &str, defined: &[&str], whole: &Element) -> Parts<'a> {
        let (own, other): (Vec<&Element>, Vec<&Element>) =
            children.iter().partition(|child| child.namespace == namespace);
        let (texts, conditions): (Vec<&Element>, Vec<&Element>) = own.iter().partition(|child| child.name == "text");
        let [condition] = conditions[..] else { panic!("one defined condition of {namespace} was due: {whole}") };
        assert!(defined.contains(&condition.name.as_str()), "{} is no defined condition: {whole}", condition.name);
        assert_eq!(children.first().map(|child| &child.name), Some(&condition.name), "the condition is first: {whole}");
        assert!(other.len() <= 1, "one application-specific condition at most: {whole}");
        let languages: BTreeMap<_, _> = texts.iter().map(|text| (text.attribute("xml:lang"), ())).collect();
        assert_eq!(languages.len(), texts.len(), "one text a language at most: {whole}");
        let text = texts.first().map(|text| text.text());
        // Children are borrowed from `whole`, whose element lives as long.
        let condition = children.iter().find(|child| child.name == condition.name).expect("it is one of them");
        Parts { condition, text, application: other.first().map(|element| (*element).clone()) }
    }
}

fn list(elements: &[Element]) -> String {
    elements.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
}
