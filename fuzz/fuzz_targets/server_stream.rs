//! Whatever another server says, at either end of a stream: no panic, nothing proven that nobody vouched for, and what is
//! answered can be read.

#![no_main]

use std::sync::Arc;
use std::time::{Duration, Instant};

use jabiru_negotiation::{
    CertificateAnswer, DialbackSecret, DomainPair, InitiatingServerEvent, InitiatingServerPolicy,
    InitiatingServerStream, ReceivingServerEvent, ReceivingServerPolicy, ReceivingServerStream, Security,
    ServerPurpose, TlsInfo,
};
use jabiru_stanza::DomainPart;
use jabiru_xml::{Limits, Reader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, input)) = data.split_first() else { return };
    let tls = TlsInfo { peer_certificates: vec![vec![0]], ..TlsInfo::default() };
    let security = if choice & 2 == 0 { Security::Plaintext } else { Security::Tls(tls.clone()) };
    if choice & 1 == 0 { receiving(input, security, &tls) } else { initiating(input, security, &tls) }
});

fn domain(name: &str) -> DomainPart {
    name.parse().expect("a domain")
}

fn receiving(mut input: &[u8], security: Security, tls: &TlsInfo) {
    let secret = Arc::new(DialbackSecret::new(b"fuzz"));
    let policy = ReceivingServerPolicy::new(Arc::new(vec![domain("here.example")]), secret);
    let mut now = Instant::now();
    let mut stream = ReceivingServerStream::new(Arc::new(policy), security, now);
    let (mut reader, mut output) = (Reader::new(Limits::UNAUTHENTICATED), Vec::new());
    loop {
        match reader.read(&mut input) {
            Ok(Some(event)) => stream.handle_event(event, now),
            Ok(None) => break,
            Err(error) => stream.handle_read_error(&error),
        }
        while let Some(event) = stream.poll_event() {
            match event {
                ReceivingServerEvent::StartTls => {
                    reader = Reader::new(Limits::UNAUTHENTICATED);
                    output.clear();
                    stream.handle_tls(tls.clone(), now);
                }
                ReceivingServerEvent::RestartStream => panic!("EXTERNAL succeeded"),
                ReceivingServerEvent::JudgeCertificate { .. } => {
                    stream.handle_certificate(CertificateAnswer::Refused { text: "fuzz".to_owned() }, now);
                }
                ReceivingServerEvent::Proven { pair, .. } => panic!("{pair} was proven"),
                ReceivingServerEvent::Closed { .. } => {
                    stream.take_output(&mut output);
                    return readable(&output);
                }
                _ => {}
            }
        }
        stream.take_output(&mut output);
        now += Duration::from_millis(1);
    }
    assert!(stream.proven_pairs().is_empty());
    readable(&output);
}

fn initiating(mut input: &[u8], security: Security, tls: &TlsInfo) {
    let policy = InitiatingServerPolicy::new(Arc::new(DialbackSecret::new(b"fuzz")));
    let pair = DomainPair::new(domain("here.example"), domain("there.example"));
    let mut now = Instant::now();
    let mut stream =
        InitiatingServerStream::new(pair.clone(), ServerPurpose::Stanzas, Arc::new(policy), security, now);
    let (mut reader, mut output) = (Reader::new(Limits::UNAUTHENTICATED), Vec::new());
    loop {
        match reader.read(&mut input) {
            Ok(Some(event)) => stream.handle_event(event, now),
            Ok(None) => break,
            Err(error) => stream.handle_read_error(&error),
        }
        while let Some(event) = stream.poll_event() {
            match event {
                InitiatingServerEvent::StartTls => {
                    reader = Reader::new(Limits::UNAUTHENTICATED);
                    output.clear();
                    stream.handle_tls(tls.clone(), now);
                }
                InitiatingServerEvent::RestartStream => {
                    reader = Reader::new(Limits::UNAUTHENTICATED);
                    // The header that follows begins another document.
                    output.clear();
                }
                // They may accept us for whatever reason, but only for what we asked.
                InitiatingServerEvent::Proven { pair: proven, .. } => assert_eq!(proven, pair),
                InitiatingServerEvent::Closed { .. } => return,
                _ => {}
            }
        }
        stream.take_output(&mut output);
        now += Duration::from_millis(1);
    }
    for (proven, _) in stream.accepted_pairs() {
        assert_eq!(*proven, pair);
    }
}

/// One stream, as far as it goes.
fn readable(mut output: &[u8]) {
    let mut reader = Reader::new(Limits::AUTHENTICATED);
    while reader.read(&mut output).expect("what was answered can be read").is_some() {}
}
