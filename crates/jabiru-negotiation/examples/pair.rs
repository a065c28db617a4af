//! Prints a whole negotiation: both machines in one thread, without a socket.
//!
//! `cargo run -p jabiru-negotiation --example pair`

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use jabiru_negotiation::scram::{DEFAULT_ITERATIONS, ScramCredentials};
use jabiru_negotiation::{
    AccountStatus, ClientStream, CredentialsAnswer, Event, InitiatingEvent, InitiatingPolicy, InitiatingStream, Login,
    Policy, Security, TlsInfo,
};
use jabiru_stanza::DomainPart;
use jabiru_xml::{Limits, Reader};

const PASSWORD: &str = "r0m30myr0m30";

fn main() -> Result<(), Box<dyn Error>> {
    let now = Instant::now();
    let domains: Vec<DomainPart> = vec!["im.example.com".parse()?];
    // A server keeps this key; here nobody asks twice.
    let policy = Policy::new(Arc::new(domains), [0; 32]);
    let mut receiving = ClientStream::new(Arc::new(policy), Security::Plaintext, now);
    let login = Login {
        resource: Some("balcony".parse()?),
        ..Login::with_password("juliet@im.example.com".parse()?, PASSWORD.to_owned())
    };
    let mut initiating = InitiatingStream::new(login, InitiatingPolicy::default(), Security::Plaintext, now);
    let mut from_client = Reader::new(Limits::UNAUTHENTICATED);
    let mut from_server = Reader::new(Limits::AUTHENTICATED);

    loop {
        let mut said = Vec::new();
        if !initiating.take_output(&mut said) {
            return Ok(());
        }
        println!("I: {}", String::from_utf8_lossy(&said));
        let mut said = said.as_slice();
        while let Some(event) = from_client.read(&mut said)? {
            receiving.handle_event(event, now);
            while let Some(event) = receiving.poll_event() {
                match event {
                    Event::StartTls => {
                        from_client = Reader::new(Limits::UNAUTHENTICATED);
                        receiving.handle_tls(pretended_tls(), now);
                    }
                    Event::RestartStream => from_client = Reader::new(Limits::UNAUTHENTICATED),
                    Event::LookUpCredentials { account, hash } => {
                        println!("   (looks up the {hash} keys of {account})");
                        let credentials = ScramCredentials::create(hash, PASSWORD, DEFAULT_ITERATIONS)?;
                        let answer = CredentialsAnswer::Found { credentials, status: AccountStatus::Active };
                        receiving.handle_credentials(answer, now);
                    }
                    Event::CheckPassword(check) => receiving.handle_password_check(check.run(), now),
                    Event::BindResource { account, requested } => {
                        let resource = requested.as_deref().map_or("generated", |resource| resource.as_str());
                        receiving.handle_bind(Ok(account.with_resource_str(resource)?));
                    }
                    Event::Authenticated { .. }
                    | Event::AuthenticationFailed { .. }
                    | Event::Established { .. }
                    | Event::Closed { .. } => println!("   ({event:?})"),
                }
            }
        }
        let mut answer = Vec::new();
        receiving.take_output(&mut answer);
        println!("R: {}", String::from_utf8_lossy(&answer));
        let mut answer = answer.as_slice();
        while let Some(event) = from_server.read(&mut answer)? {
            initiating.handle_event(event, now);
            while let Some(event) = initiating.poll_event() {
                match event {
                    InitiatingEvent::StartTls => {
                        println!("   (TLS)");
                        from_server = Reader::new(Limits::AUTHENTICATED);
                        initiating.handle_tls(pretended_tls(), now);
                    }
                    InitiatingEvent::RestartStream => from_server = Reader::new(Limits::AUTHENTICATED),
                    InitiatingEvent::Authenticated { .. }
                    | InitiatingEvent::Established { .. }
                    | InitiatingEvent::Closed { .. } => println!("   ({event:?})"),
                }
            }
        }
    }
}

/// What a TLS library would say after the handshake: both ends of one connection have the same keying material.
fn pretended_tls() -> TlsInfo {
    TlsInfo { exporter: Some(vec![1; 32]), server_name: Some("im.example.com".to_owned()), ..TlsInfo::default() }
}
