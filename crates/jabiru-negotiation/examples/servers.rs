//! Prints how a server proves itself to another by dialback: three machines in one thread, without a socket.
//!
//! `cargo run -p jabiru-negotiation --example servers`

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use jabiru_negotiation::{
    DialbackSecret, DomainPair, InitiatingServerEvent, InitiatingServerPolicy, InitiatingServerStream, KeyAnswer,
    KeyToVerify, ReceivingServerEvent, ReceivingServerPolicy, ReceivingServerStream, Security, ServerPurpose, TlsInfo,
};
use jabiru_stanza::DomainPart;
use jabiru_xml::{Limits, Reader};

fn main() -> Result<(), Box<dyn Error>> {
    let [capulet, montague]: [DomainPart; 2] = ["capulet.example".parse()?, "montague.example".parse()?];
    let capulet = Server { name: "capulet", domain: capulet, secret: Arc::new(DialbackSecret::random()?) };
    let montague = Server { name: "montague", domain: montague, secret: Arc::new(DialbackSecret::random()?) };
    converse(&capulet, &montague, ServerPurpose::Stanzas)?;
    Ok(())
}

struct Server {
    name: &'static str,
    domain: DomainPart,
    secret: Arc<DialbackSecret>,
}

/// A stream from one to the other, up to what it is for; gives the answers to keys.
fn converse(from: &Server, to: &Server, purpose: ServerPurpose) -> Result<Vec<KeyAnswer>, Box<dyn Error>> {
    let now = Instant::now();
    let domains: Vec<DomainPart> = vec![to.domain.clone()];
    let policy = ReceivingServerPolicy::new(Arc::new(domains), to.secret.clone());
    let mut receiving = ReceivingServerStream::new(Arc::new(policy), Security::Plaintext, now);
    let pair = DomainPair::new(from.domain.clone(), to.domain.clone());
    let policy = Arc::new(InitiatingServerPolicy::new(from.secret.clone()));
    let mut initiating = InitiatingServerStream::new(pair, purpose, policy, Security::Plaintext, now);
    let [mut from_initiating, mut from_receiving] =
        [Reader::new(Limits::AUTHENTICATED), Reader::new(Limits::AUTHENTICATED)];
    let mut answers = Vec::new();

    loop {
        let mut said = Vec::new();
        if !initiating.take_output(&mut said) {
            return Ok(answers);
        }
        println!("{}: {}", from.name, String::from_utf8_lossy(&said));
        let mut said = said.as_slice();
        while let Some(event) = from_initiating.read(&mut said)? {
            receiving.handle_event(event, now);
            while let Some(event) = receiving.poll_event() {
                match event {
                    ReceivingServerEvent::StartTls => {
                        from_initiating = Reader::new(Limits::AUTHENTICATED);
                        // No certificate: so there is dialback.
                        receiving.handle_tls(TlsInfo::default(), now);
                    }
                    ReceivingServerEvent::RestartStream => from_initiating = Reader::new(Limits::AUTHENTICATED),
                    ReceivingServerEvent::VerifyKey(claim) => {
                        println!("   (dials {} back)", claim.pair.sender);
                        let answer = verify(to, from, claim.clone())?;
                        receiving.handle_key(&claim, answer.relayed(), now);
                    }
                    event => println!("   ({event:?})"),
                }
            }
        }
        let mut answer = Vec::new();
        receiving.take_output(&mut answer);
        println!("{}: {}", to.name, String::from_utf8_lossy(&answer));
        let mut answer = answer.as_slice();
        while let Some(event) = from_receiving.read(&mut answer)? {
            initiating.handle_event(event, now);
            while let Some(event) = initiating.poll_event() {
                match event {
                    InitiatingServerEvent::StartTls => {
                        println!("   (TLS)");
                        from_receiving = Reader::new(Limits::AUTHENTICATED);
                        initiating.handle_tls(TlsInfo::default(), now);
                    }
                    InitiatingServerEvent::RestartStream => from_receiving = Reader::new(Limits::AUTHENTICATED),
                    InitiatingServerEvent::KeyVerified { request: _, answer } => {
                        answers.push(answer);
                        initiating.close();
                    }
                    InitiatingServerEvent::Features(_) => {}
                    event => println!("   ({event:?})"),
                }
            }
        }
    }
}

/// Asks the authoritative server, which is the initiating one here, on a stream of its own.
fn verify(asking: &Server, authoritative: &Server, claim: KeyToVerify) -> Result<KeyAnswer, Box<dyn Error>> {
    let mut answers = converse(asking, authoritative, ServerPurpose::Verify(vec![claim]))?;
    answers.pop().ok_or_else(|| "every key gets an answer".into())
}
