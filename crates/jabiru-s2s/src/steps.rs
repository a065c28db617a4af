//! What happens on the way to another server, as steps for whoever wants to know of them.

use std::fmt::Write;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use jabiru_negotiation::{
    InitiatingServerError, InitiatingServerEvent, InitiatingServerStream, KeyAnswer, Security, ServerProof, TlsInfo,
};
use jabiru_net::Beginning;
use jabiru_net::certificate::dane::{DaneProblem, DaneProof, TlsaRecord};
use jabiru_net::certificate::{self, Certificate, IdentifierKind, Problem, Reference, Service};
use jabiru_stanza::{DomainRef, SaslFailure, StanzaError, StreamError, StreamFeatures, StreamHeader};
use sha2::{Digest, Sha256};

use crate::connect::ConnectStep;
use crate::dial::tls_error;
use crate::judge::{Judgement, Objection};
use crate::policy::{Require, Rules};
use crate::posh::{Posh, PoshError};
use crate::report::{
    Answer, CertificateReport, DialbackAnswer, FeatureReport, Requirement, Source, SrvReport, Stage, Step,
    TargetReport, Verdict, rfc3339,
};
use crate::resolve::{self, Found, Host, ResolveError, ServerTarget, SrvLookup, SrvRecord};
use crate::trace::Trace;

pub(crate) fn policy(rules: Rules) -> Step {
    let require = match rules.require {
        Require::Certificate => Requirement::Certificate,
        Require::Dialback => Requirement::Dialback,
        Require::Dane => Requirement::Dane,
    };
    Step::Policy { require, require_tls: rules.require_tls }
}

pub(crate) fn srv(trace: &Trace, lookup: &SrvLookup) {
    let Some(began) = Instant::now().checked_sub(lookup.elapsed()) else { return };
    trace.note_taking(began, lookup.elapsed(), || {
        let (records, verdict) = match lookup.records() {
            Ok(records) if records.is_empty() => (records, Verdict::Notable("there are none".to_owned())),
            Ok(records) if records.iter().any(|record| record.target == ".") => {
                (records, Verdict::Notable("the domain declares that it has no such service".to_owned()))
            }
            Ok(records) => (records, Verdict::Good),
            Err(error) => (Vec::new(), Verdict::Notable(error.to_string())),
        };
        let record = |record: SrvRecord| SrvReport {
            priority: record.priority,
            weight: record.weight,
            port: record.port,
            target: record.target,
        };
        let records = records.into_iter().map(record).collect();
        (Step::Srv { name: lookup.name().to_owned(), records, secure: lookup.is_secure() }, verdict)
    });
}

pub(crate) fn found(found: &Result<Found, ResolveError>) -> (Step, Verdict) {
    match found {
        Ok(found) => {
            let source = match found.source {
                resolve::Source::Route => Source::Route,
                resolve::Source::Srv => Source::Srv,
                resolve::Source::Address => Source::Address,
                resolve::Source::Literal => Source::Literal,
            };
            // A route is as good, but DNSSEC has nothing to do with it.
            let secure = found.secure && found.source != resolve::Source::Route;
            let targets = found.targets.iter().map(target).collect();
            (Step::Targets { source, secure, targets }, Verdict::Good)
        }
        Err(error) => {
            let source = match error {
                // Of the domain itself: these are what is said of its addresses.
                ResolveError::NotAHost(_) | ResolveError::NoSuchDomain { .. } | ResolveError::NoAddresses { .. } => {
                    Source::Address
                }
                _ => Source::Srv,
            };
            let step = Step::Targets { source, secure: false, targets: Vec::new() };
            (step, Verdict::Failed(error.to_string()))
        }
    }
}

fn target(target: &ServerTarget) -> TargetReport {
    TargetReport { host: target.host.to_string(), port: target.port, direct_tls: target.direct_tls }
}

pub(crate) fn connecting(trace: &Trace, step: &ConnectStep<'_>) {
    let now = Instant::now();
    let addresses = |target: &ServerTarget, addresses: &[_], secure| Step::Addresses {
        host: target.host.to_string(),
        addresses: addresses.to_vec(),
        secure,
    };
    let connect = |target: &ServerTarget, address| Step::Connect {
        host: target.host.to_string(),
        address,
        direct_tls: target.direct_tls,
    };
    let (took, finding): (_, &dyn Fn() -> (Step, Verdict)) = match step {
        // For an address there was nothing to look up.
        ConnectStep::Addresses { target, .. } if matches!(target.host, Host::Address(_)) => return,
        ConnectStep::Trying { .. } => return,
        ConnectStep::Addresses { target, addresses: list, secure, elapsed } => {
            (*elapsed, &|| (addresses(target, list, *secure), Verdict::Good))
        }
        ConnectStep::NoAddresses { target, error, elapsed } => {
            (*elapsed, &|| (addresses(target, &[], false), Verdict::Failed(error.to_string())))
        }
        ConnectStep::Failed { target, address, error, elapsed } => {
            (*elapsed, &|| (connect(target, *address), Verdict::Failed(error.to_string())))
        }
        ConnectStep::Connected { target, address, elapsed } => {
            (*elapsed, &|| (connect(target, *address), Verdict::Good))
        }
    };
    trace.note_taking(now.checked_sub(took).unwrap_or(now), took, finding);
}

/// The version as a report has it, such as `1.3`.
pub(crate) fn tls_version(info: &TlsInfo) -> Option<&'static str> {
    info.version.map(|version| version.trim_start_matches("TLSv"))
}

pub(crate) fn tls(domain: &DomainRef, beginning: Beginning, begun: &io::Result<TlsInfo>) -> (Step, Verdict) {
    let server_name = match Host::of_domain(domain) {
        Ok(Host::Name(name)) => Some(name),
        Ok(Host::Address(_)) | Err(_) => None,
    };
    match begun {
        Ok(info) => {
            let alpn = info.application_protocol.clone();
            let verdict = match (beginning, &alpn) {
                (Beginning::Direct, None) => {
                    Verdict::Notable("the other server agreed on no protocol by ALPN (XEP-0368)".to_owned())
                }
                (Beginning::Direct, Some(_)) | (Beginning::StartTls, _) => Verdict::Good,
            };
            let version = tls_version(info).map(str::to_owned);
            let cipher_suite = info.cipher_suite.map(str::to_owned);
            (Step::Tls { version, cipher_suite, alpn, server_name }, verdict)
        }
        Err(error) => {
            let step = Step::Tls { version: None, cipher_suite: None, alpn: None, server_name };
            (step, Verdict::Failed(tls_error(error)))
        }
    }
}

/// What the chain says by itself, and whether that is good for the domain.
pub(crate) fn certificate(
    chain: &[Vec<u8>],
    domain: &DomainRef,
    verified: &Result<certificate::Proof, Problem>,
) -> (Step, Verdict) {
    let (matched, verdict) = match verified {
        Ok(proof) => (Some(matched(chain, domain, proof.identifier)), Verdict::Good),
        Err(problem) => (None, Verdict::Notable(problem.to_string())),
    };
    let chain = chain.iter().filter_map(|der| certificate_report(der)).collect();
    (Step::Certificate { chain, matched }, verdict)
}

fn matched(chain: &[Vec<u8>], domain: &DomainRef, kind: IdentifierKind) -> String {
    let own = chain.first().and_then(|der| Certificate::parse(der).ok());
    let reference = Reference::new(domain, Service::XmppServer);
    let identifier = own.as_ref().zip(reference.as_ref()).and_then(|(own, sought)| own.identifier(sought, false));
    identifier.map_or_else(|| kind.to_string(), |(kind, name)| format!("{kind} {name}"))
}

fn certificate_report(der: &[u8]) -> Option<CertificateReport> {
    let certificate = Certificate::parse(der).ok()?;
    let named = |kind: IdentifierKind| move |name: &str| format!("{kind} {name}");
    let mut names: Vec<_> = certificate.dns_ids().map(named(IdentifierKind::DnsId)).collect();
    names.extend(certificate.srv_ids().map(named(IdentifierKind::SrvId)));
    names.extend(certificate.xmpp_addresses().map(named(IdentifierKind::XmppAddr)));
    Some(CertificateReport {
        subject: certificate.subject().to_owned(),
        issuer: certificate.issuer().to_owned(),
        names,
        not_before: rfc3339(certificate.not_before()),
        not_after: rfc3339(certificate.not_after()),
        sha256: Sha256::digest(der).iter().fold(String::with_capacity(64), |mut digits, byte| {
            let _never = write!(digits, "{byte:02x}");
            digits
        }),
    })
}

/// What the DNS announces of the certificate at a target, and whether it is this one (RFC 7673).
pub(crate) fn dane(
    target: &ServerTarget,
    records: &[TlsaRecord],
    verified: &Result<DaneProof, DaneProblem>,
) -> (Step, Verdict) {
    let (matched, verdict) = match verified {
        Ok(proof) => (Some(proof.record.to_string()), Verdict::Good),
        Err(problem) => (None, Verdict::Notable(problem.to_string())),
    };
    let records = records.iter().map(ToString::to_string).collect();
    // Others are not looked at.
    (Step::Dane { name: tlsa_name(target), records, secure: true, matched }, verdict)
}

/// That what is announced there is not known, if that is so, or that nothing is.
pub(crate) fn nothing_announced(
    trace: &Trace,
    began: Instant,
    target: &ServerTarget,
    announced: &Result<Vec<TlsaRecord>, ResolveError>,
) {
    let why = match announced {
        Ok(records) if !records.is_empty() => return,
        // An address has no place in the DNS where it could be.
        Ok(_) if matches!(target.host, Host::Address(_)) => return,
        Ok(_) => "nothing that DNSSEC vouches for".to_owned(),
        Err(error) => error.to_string(),
    };
    let step = || Step::Dane { name: tlsa_name(target), records: Vec::new(), secure: false, matched: None };
    trace.note(began, || (step(), Verdict::Notable(why)));
}

/// RFC 6698 §3
fn tlsa_name(target: &ServerTarget) -> String {
    format!("_{}._tcp.{}", target.port, target.host)
}

/// The certificate against what the domain publishes over HTTPS (RFC 7711); `problem`: why it is not among that.
pub(crate) fn posh(
    domain: &DomainRef,
    fetched: &Result<Arc<Posh>, PoshError>,
    problem: Option<&Objection>,
) -> (Step, Verdict) {
    match fetched {
        Ok(posh) => {
            let holds = posh.expires.saturating_duration_since(tokio::time::Instant::now());
            let step = Step::Posh {
                url: posh.url.clone(),
                fingerprints: posh.fingerprints.len(),
                expires_seconds: Some(holds.as_secs()),
                matched: problem.is_none(),
            };
            (step, problem.map_or(Verdict::Good, |problem| Verdict::Notable(problem.to_string())))
        }
        Err(error) => {
            let url = format!("https://{domain}/.well-known/posh/xmpp-server.json");
            let step = Step::Posh { url, fingerprints: 0, expires_seconds: None, matched: false };
            (step, Verdict::Notable(error.to_string()))
        }
    }
}

/// All that was proven of the other server by its certificate, and whether that is enough.
pub(crate) fn proven(domain: &DomainRef, judgement: &Judgement, rules: Rules) -> (Step, Verdict) {
    let step = Step::Proven { proofs: judgement.proof.into_iter().collect() };
    let why = || match judgement.problems.as_slice() {
        [] => "it has shown no certificate, for there is no TLS".to_owned(),
        _ => judgement.to_string(),
    };
    let verdict = match rules.require {
        _ if judgement.suffices(rules) => Verdict::Good,
        Require::Dialback => Verdict::Notable(format!(
            "that this is {domain} is not proven ({}); by the rules of this server, dialback is enough",
            why()
        )),
        Require::Certificate | Require::Dane => {
            Verdict::Failed(format!("that this is {domain} is not proven: {}", why()))
        }
    };
    (step, verdict)
}

/// What the machine tells.
pub(crate) fn negotiating(trace: &Trace, event: &InitiatingServerEvent, machine: &InitiatingServerStream) {
    if !trace.is_heard() {
        return;
    }
    match event {
        InitiatingServerEvent::Header(other) => trace.note_next(|| header(stage(machine), other)),
        InitiatingServerEvent::Features(offered) => {
            trace.note_next(|| (features(stage(machine), offered), Verdict::Good));
        }
        InitiatingServerEvent::Trying { by } => trace.set_key_sent(*by == ServerProof::Dialback),
        InitiatingServerEvent::ExternalFailed(failure) => trace.note_next(|| {
            let why = "dialback is tried instead".to_owned();
            (sasl(Some(failure)), Verdict::Notable(why))
        }),
        InitiatingServerEvent::Proven { by: ServerProof::External, .. } => {
            trace.note_next(|| (sasl(None), Verdict::Good));
        }
        InitiatingServerEvent::Proven { by: ServerProof::Dialback, .. } => {
            trace.note_next(|| (dialback(Some(&KeyAnswer::Valid)), Verdict::Good));
            trace.set_key_sent(false);
        }
        InitiatingServerEvent::Established { bidi, .. } => {
            trace.note_next(|| (Step::Bidirectional { agreed: *bidi }, Verdict::Good));
        }
        InitiatingServerEvent::Closed { error } => {
            trace.note_next(|| ended(error.as_ref(), trace.key_sent()));
        }
        InitiatingServerEvent::StartTls
        | InitiatingServerEvent::RestartStream
        | InitiatingServerEvent::NotAccepted { .. }
        | InitiatingServerEvent::KeyVerified { .. }
        | InitiatingServerEvent::VerifyKey(_)
        | InitiatingServerEvent::Refused { .. }
        | InitiatingServerEvent::Element(_) => {}
    }
}

fn stage(machine: &InitiatingServerStream) -> Stage {
    match machine.security() {
        Security::Plaintext => Stage::Plaintext,
        Security::Tls(_) if machine.accepted_pairs().is_empty() => Stage::Secured,
        Security::Tls(_) => Stage::Authenticated,
    }
}

fn header(stage: Stage, header: &StreamHeader) -> (Step, Verdict) {
    let step = Step::Header {
        stage,
        id: header.id.clone(),
        from: header.from.clone(),
        version: header.version.map(|(major, minor)| format!("{major}.{minor}")),
    };
    let verdict = match &header.id {
        Some(id) if !id.is_empty() => Verdict::Good,
        Some(_) | None => Verdict::Notable("a stream has an id (RFC 6120 §4.7.3)".to_owned()),
    };
    (step, verdict)
}

fn features(stage: Stage, features: &StreamFeatures) -> Step {
    let feature = |element: &jabiru_stanza::Element| FeatureReport {
        name: element.name().to_owned(),
        namespace: element.namespace().to_owned(),
    };
    Step::Features { stage, features: features.iter().map(feature).collect(), mechanisms: features.mechanisms() }
}

fn sasl(failure: Option<&SaslFailure>) -> Step {
    let failure =
        failure.map(|failure| Answer { condition: failure.condition.name().to_owned(), text: failure.text.clone() });
    Step::Sasl { mechanism: "EXTERNAL".to_owned(), failure }
}

fn dialback(answer: Option<&KeyAnswer>) -> Step {
    let answer = answer.map(|answer| match answer {
        KeyAnswer::Valid => DialbackAnswer::Valid,
        KeyAnswer::Invalid => DialbackAnswer::Invalid,
        KeyAnswer::Error(error) => DialbackAnswer::Error { error: Some(stanza_error(error)) },
    });
    Step::Dialback { answer }
}

/// How negotiation ended without a stream. `key_sent`: while a dialback key was without an answer.
fn ended(error: Option<&InitiatingServerError>, key_sent: bool) -> (Step, Verdict) {
    let step = match error {
        Some(InitiatingServerError::Sasl(failure)) => sasl(Some(failure)),
        Some(InitiatingServerError::DialbackInvalid) => dialback(Some(&KeyAnswer::Invalid)),
        Some(InitiatingServerError::Dialback(error)) => dialback(Some(&KeyAnswer::Error(error.clone()))),
        Some(InitiatingServerError::Timeout { .. }) if key_sent => dialback(None),
        error => closed(error),
    };
    let why = error.map_or_else(|| "it was closed by this server".to_owned(), ToString::to_string);
    (step, Verdict::Failed(why))
}

/// The stream has ended.
pub(crate) fn closed(error: Option<&InitiatingServerError>) -> Step {
    let error = match error {
        Some(InitiatingServerError::StreamError(error)) => Some(stream_error(error)),
        Some(_) | None => None,
    };
    Step::Closed { error }
}

fn stream_error(error: &StreamError) -> Answer {
    Answer { condition: error.condition().name().to_owned(), text: error.text().map(str::to_owned) }
}

pub(crate) fn stanza_error(error: &StanzaError) -> Answer {
    Answer { condition: error.condition().name().to_owned(), text: error.text().map(str::to_owned) }
}
