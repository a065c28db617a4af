//! One step of a test, for people: what was done and found on the first line, what else there is to know below.

use std::fmt;

use jabiru_s2s::report::{
    CertificateReport, DialbackAnswer, Direction, FeatureReport, Finding, Proof, Requirement, Source, Stage, Step,
    TargetReport, Verdict,
};

use super::words::{Shown, answer, proofs, short, taken};

/// A finding as lines.
pub(super) struct Line<'a>(pub(super) &'a Finding);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { at: _, took, step, verdict } = self.0;
        let (mark, why) = match verdict {
            Verdict::Good => ("ok", None),
            Verdict::Notable(why) => ("note", Some(why)),
            Verdict::Failed(why) => ("FAIL", Some(why)),
        };
        let Described { what, words, details } = describe(step);
        write!(f, "{mark:<4} {:>9}  {what:<13} {}", taken(*took), Shown(&words))?;
        for detail in why.into_iter().chain(&details) {
            write!(f, "\n{:INDENT$}{}", "", Shown(detail))?;
        }
        Ok(())
    }
}

/// Below the words of the first line.
const INDENT: usize = 30;

struct Described {
    /// One or two words for the kind of step.
    what: &'static str,
    words: String,
    details: Vec<String>,
}

fn describe(step: &Step) -> Described {
    let mut details = Vec::new();
    let (what, words) = match step {
        Step::Policy { require, require_tls } => {
            let require = match require {
                Requirement::Certificate => "a certificate is required",
                Requirement::Dialback => "a certificate or dialback is required",
                Requirement::Dane => "a certificate that DANE vouches for is required",
            };
            ("policy", format!("{require}; {}", if *require_tls { "nothing goes without TLS" } else { "TLS is not" }))
        }
        Step::Srv { name, records, secure } => {
            details.extend(records.iter().map(|record| {
                let (priority, weight) = (record.priority, record.weight);
                format!("priority {priority}, weight {weight}: {}:{}", record.target, record.port)
            }));
            ("SRV", format!("{name}{}", validated(*secure)))
        }
        Step::Targets { source, secure, targets } => {
            let source = match source {
                Source::Route => "as configured",
                Source::Srv => "by SRV",
                Source::Address => "the domain itself, for want of SRV records",
                Source::Literal => "the domain is an address",
            };
            details.extend(targets.iter().map(target));
            ("targets", format!("{source}{}", validated(*secure)))
        }
        Step::Addresses { host, addresses, secure } => {
            let list: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            let found = if list.is_empty() { "none".to_owned() } else { list.join(", ") };
            ("addresses", format!("{host}: {found}{}", validated(*secure)))
        }
        Step::Connect { host, address, direct_tls } => {
            let how = if *direct_tls { "direct TLS" } else { "STARTTLS" };
            // A route may lead to an address itself.
            let host = if address.ip().to_string() == *host { String::new() } else { format!(" ({host})") };
            ("connect", format!("{address}{host}, for {how}"))
        }
        Step::Header { stage, id, from, version } => {
            let from = from.as_deref().unwrap_or("nobody");
            let version =
                version.as_deref().map_or_else(|| "no version".to_owned(), |version| format!("version {version}"));
            let id = id.as_deref().map_or_else(|| "no id".to_owned(), |id| format!("id {id}"));
            ("stream header", format!("{}, from {from}, {version}, {id}", when(*stage)))
        }
        Step::Features { stage, features, mechanisms } => {
            // They say more than that there are some.
            let others = features.iter().filter(|feature| mechanisms.is_empty() || feature.name != "mechanisms");
            let mut list: Vec<_> = others.map(feature).collect();
            if !mechanisms.is_empty() {
                list.push(format!("mechanisms {}", mechanisms.join(" ")));
            }
            let list = if list.is_empty() { "none".to_owned() } else { list.join(", ") };
            ("features", format!("{}: {list}", when(*stage)))
        }
        Step::Tls { version, cipher_suite, alpn, server_name } => {
            let version =
                version.as_deref().map_or_else(|| "no version".to_owned(), |version| format!("TLS {version}"));
            let asked = server_name.as_deref().map_or_else(|| "for no name".to_owned(), |name| format!("for {name}"));
            let rest = [cipher_suite.clone(), alpn.as_deref().map(|protocol| format!("ALPN {protocol}")), Some(asked)];
            let rest: Vec<_> = [Some(version)].into_iter().chain(rest).flatten().collect();
            ("TLS", rest.join(", "))
        }
        Step::Certificate { chain, matched } => {
            details.extend(chain.iter().flat_map(certificate));
            let words = match matched {
                Some(name) => format!("good: it names {name}"),
                None => "proves nothing".to_owned(),
            };
            ("certificate", words)
        }
        Step::Dane { name, records, secure, matched } => {
            details.extend(records.iter().map(|record| match matched {
                Some(matched) if matched == record => format!("TLSA {record}, which the certificate matches"),
                Some(_) | None => format!("TLSA {record}"),
            }));
            ("DANE", format!("{name}{}", validated(*secure)))
        }
        Step::Posh { url, fingerprints, expires_seconds, matched } => {
            let count =
                if *fingerprints == 1 { "1 certificate".to_owned() } else { format!("{fingerprints} certificates") };
            let holds = expires_seconds.map_or_else(String::new, |seconds| format!(", for {}", short(seconds)));
            let matched = if *matched { "this one among them" } else { "not this one" };
            ("POSH", format!("{url} names {count}{holds}, {matched}"))
        }
        Step::Proven { proofs } => ("proven", format!("by {}", by(proofs))),
        Step::Sasl { mechanism, failure } => {
            details.extend(failure.iter().map(|failure| format!("failure: {}", answer(failure))));
            ("SASL", if failure.is_none() { format!("{mechanism}, accepted") } else { mechanism.clone() })
        }
        Step::Dialback { answer: told } => {
            let words = match told {
                Some(DialbackAnswer::Valid) => "the key was found valid".to_owned(),
                Some(DialbackAnswer::Invalid) => "the key was found invalid".to_owned(),
                Some(DialbackAnswer::Error { error: Some(error) }) => format!("error: {}", answer(error)),
                Some(DialbackAnswer::Error { error: None }) => "error".to_owned(),
                None => "no answer".to_owned(),
            };
            ("dialback", words)
        }
        Step::DialbackVerified { address, valid } => {
            let told = if *valid { "told that it is valid" } else { "told that it is not valid" };
            ("asked back", format!("for the key by {address}; {told}"))
        }
        Step::Bidirectional { agreed: true } => ("bidirectional", "answers come over this stream".to_owned()),
        Step::Bidirectional { agreed: false } => {
            ("bidirectional", "no: for answers, the other server has to open a stream".to_owned())
        }
        Step::StreamManagement { agreed, resumable } => {
            let words = match (agreed, resumable) {
                (false, _) => "not agreed on",
                (true, false) => "stanzas are acknowledged",
                (true, true) => "stanzas are acknowledged, the stream can be resumed",
            };
            ("management", words.to_owned())
        }
        Step::Incoming { address, proofs } => ("their stream", format!("from {address}, proven by {}", by(proofs))),
        Step::Ping { error, over } => {
            details.extend(error.iter().map(|error| format!("error: {}", answer(error))));
            let words = match over {
                Some(Direction::Outgoing) => "answered, over the same stream",
                Some(Direction::Incoming) => "answered, over the other server's stream",
                None => "no answer",
            };
            ("ping", words.to_owned())
        }
        Step::Closed { error } => {
            let words = error.as_ref().map_or_else(|| "without an error".to_owned(), answer);
            ("stream closed", words)
        }
        // Said by a server of another version.
        _ => ("step", "one that this program does not know; --json shows it".to_owned()),
    };
    Described { what, words, details }
}

fn by(some: &[Proof]) -> String {
    if some.is_empty() { "nothing".to_owned() } else { proofs(some) }
}

fn validated(secure: bool) -> &'static str {
    if secure { ", validated by DNSSEC" } else { "" }
}

fn when(stage: Stage) -> &'static str {
    match stage {
        Stage::Plaintext => "without TLS",
        Stage::Secured => "with TLS",
        Stage::Authenticated => "authenticated",
    }
}

fn target(target: &TargetReport) -> String {
    let how = if target.direct_tls { "direct TLS" } else { "STARTTLS" };
    let host = &target.host;
    if host.contains(':') {
        format!("[{host}]:{}, {how}", target.port)
    } else {
        format!("{host}:{}, {how}", target.port)
    }
}

fn feature(feature: &FeatureReport) -> String {
    format!("{} ({})", feature.name, feature.namespace)
}

fn certificate(certificate: &CertificateReport) -> Vec<String> {
    let CertificateReport { subject, issuer, names, not_before, not_after, sha256 } = certificate;
    let mut lines = vec![format!("{subject}, issued by {issuer}"), format!("  valid {not_before} to {not_after}")];
    if !names.is_empty() {
        const SHOWN_NAMES: usize = 10;
        let more = names.len().saturating_sub(SHOWN_NAMES);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let shown: Vec<_> = names.iter().take(SHOWN_NAMES).map(String::as_str).collect();
        lines.push(format!("  for {}{more}", shown.join(", ")));
    }
    lines.push(format!("  SHA-256 {sha256}"));
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jabiru_s2s::report::{Answer, SrvReport};

    use super::*;

    const TOOK: Duration = Duration::from_micros(1_234);

    #[test]
    fn marks_and_details() {
        let step = |records| Step::Srv { name: "_xmpp-server._tcp.example.org".to_owned(), records, secure: true };
        let record = SrvReport { priority: 5, weight: 0, port: 5269, target: "xmpp.example.org".to_owned() };
        let good = Finding::good(Duration::ZERO, TOOK, step(vec![record]));
        let expected = "\
ok      1.2 ms  SRV           _xmpp-server._tcp.example.org, validated by DNSSEC
                              priority 5, weight 0: xmpp.example.org:5269";
        assert_eq!(Line(&good).to_string(), expected);
        let notable = Finding::notable(Duration::ZERO, TOOK, step(vec![]), "there are none");
        let expected = "\
note    1.2 ms  SRV           _xmpp-server._tcp.example.org, validated by DNSSEC
                              there are none";
        assert_eq!(Line(&notable).to_string(), expected);
        let error = Answer { condition: "host-unknown".to_owned(), text: Some("go\naway".to_owned()) };
        let closed = Step::Closed { error: Some(error) };
        let failed =
            Finding::failed(Duration::ZERO, Duration::from_secs(2), closed, "the other server closed the stream");
        let expected = "\
FAIL    2.00 s  stream closed host-unknown: \"go\\u{a}away\"
                              the other server closed the stream";
        assert_eq!(Line(&failed).to_string(), expected);
    }

    #[test]
    fn each_kind_of_step() {
        let answer = || Answer { condition: "not-authorized".to_owned(), text: None };
        let text = |text: &str| text.to_owned();
        for (step, expected) in [
            (
                Step::Policy { require: Requirement::Certificate, require_tls: true },
                "policy        a certificate is required; nothing goes without TLS",
            ),
            (
                Step::Targets {
                    source: Source::Route,
                    secure: false,
                    targets: vec![TargetReport { host: text("2001:db8::1"), port: 1, direct_tls: true }],
                },
                "targets       as configured\n                              [2001:db8::1]:1, direct TLS",
            ),
            (
                Step::Addresses { host: text("h.example"), addresses: vec![], secure: false },
                "addresses     h.example: none",
            ),
            (
                Step::Connect { host: text("h.example"), address: "[::1]:5269".parse().unwrap(), direct_tls: false },
                "connect       [::1]:5269 (h.example), for STARTTLS",
            ),
            (
                Step::Connect { host: text("::1"), address: "[::1]:5270".parse().unwrap(), direct_tls: true },
                "connect       [::1]:5270, for direct TLS",
            ),
            (
                Step::Header {
                    stage: Stage::Plaintext,
                    id: None,
                    from: Some(text("a.example")),
                    version: Some(text("1.0")),
                },
                "stream header without TLS, from a.example, version 1.0, no id",
            ),
            (
                Step::Features {
                    stage: Stage::Secured,
                    features: vec![
                        FeatureReport { name: text("mechanisms"), namespace: text("urn:ietf:params:xml:ns:xmpp-sasl") },
                        FeatureReport { name: text("bidi"), namespace: text("urn:xmpp:features:bidi") },
                    ],
                    mechanisms: vec![text("EXTERNAL")],
                },
                "features      with TLS: bidi (urn:xmpp:features:bidi), mechanisms EXTERNAL",
            ),
            (
                Step::Tls {
                    version: Some(text("1.3")),
                    cipher_suite: Some(text("TLS13_AES_256_GCM_SHA384")),
                    alpn: Some(text("xmpp-server")),
                    server_name: Some(text("a.example")),
                },
                "TLS           TLS 1.3, TLS13_AES_256_GCM_SHA384, ALPN xmpp-server, for a.example",
            ),
            (
                Step::Certificate {
                    chain: vec![CertificateReport {
                        subject: text("CN=a.example"),
                        issuer: text("CN=CA"),
                        names: vec![text("dNSName a.example")],
                        not_before: text("2026-01-01T00:00:00Z"),
                        not_after: text("2027-01-01T00:00:00Z"),
                        sha256: text("ab01"),
                    }],
                    matched: None,
                },
                "certificate   proves nothing
                              CN=a.example, issued by CN=CA
                                valid 2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z
                                for dNSName a.example
                                SHA-256 ab01",
            ),
            (
                Step::Dane {
                    name: text("_5269._tcp.h.example"),
                    records: vec![text("3 1 1 ab"), text("2 1 1 cd")],
                    secure: true,
                    matched: Some(text("3 1 1 ab")),
                },
                "DANE          _5269._tcp.h.example, validated by DNSSEC
                              TLSA 3 1 1 ab, which the certificate matches
                              TLSA 2 1 1 cd",
            ),
            (
                Step::Posh {
                    url: text("https://a.example/x"),
                    fingerprints: 1,
                    expires_seconds: Some(3600),
                    matched: false,
                },
                "POSH          https://a.example/x names 1 certificate, for 1h00m, not this one",
            ),
            (Step::Proven { proofs: vec![] }, "proven        by nothing"),
            (Step::Proven { proofs: vec![Proof::Dane, Proof::Certificate] }, "proven        by DANE, certificate"),
            (
                Step::Sasl { mechanism: text("EXTERNAL"), failure: Some(answer()) },
                "SASL          EXTERNAL\n                              failure: not-authorized",
            ),
            (
                Step::Dialback { answer: Some(DialbackAnswer::Error { error: Some(answer()) }) },
                "dialback      error: not-authorized",
            ),
            (
                Step::DialbackVerified { address: "192.0.2.1:1".parse().unwrap(), valid: true },
                "asked back    for the key by 192.0.2.1:1; told that it is valid",
            ),
            (Step::Bidirectional { agreed: true }, "bidirectional answers come over this stream"),
            (Step::StreamManagement { agreed: true, resumable: false }, "management    stanzas are acknowledged"),
            (
                Step::Incoming { address: "192.0.2.1:1".parse().unwrap(), proofs: vec![Proof::Dialback] },
                "their stream  from 192.0.2.1:1, proven by dialback",
            ),
            (
                Step::Ping { error: Some(answer()), over: Some(Direction::Incoming) },
                "ping          answered, over the other server's stream\n                              error: not-authorized",
            ),
            (Step::Closed { error: None }, "stream closed without an error"),
        ] {
            let line = Line(&Finding::good(Duration::ZERO, TOOK, step)).to_string();
            assert_eq!(line, format!("ok      1.2 ms  {expected}"));
        }
    }
}
