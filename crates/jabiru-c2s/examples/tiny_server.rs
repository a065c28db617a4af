//! A whole XMPP server in one file, in memory and without TLS, and two clients that talk.
//!
//! `cargo run -p jabiru-c2s --example tiny_server`

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use jabiru_c2s::{C2s, Settings, Transport};
use jabiru_negotiation::scram::ScramCredentials;
use jabiru_negotiation::{
    InitiatingEvent, InitiatingPolicy, InitiatingStream, Login, Mechanism, Policy, ScramHash, Security,
};
use jabiru_net::{Admission, Listener};
use jabiru_router::{Features, InMemory, Router};
use jabiru_stanza::{BareJid, DomainPart};
use jabiru_storage::{Accounts, Credentials, MemoryAccounts, ScramCredential};
use jabiru_xml::{Event, Limits, RawElement, Reader};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let accounts = Arc::new(MemoryAccounts::new());
    for address in ["romeo@tiny.example", "juliet@tiny.example"] {
        accounts.create(&BareJid::new(address)?, credentials("secret")?).await?;
    }
    let domain: DomainPart = "tiny.example".parse()?;
    let policy = Policy {
        require_tls: false,
        starttls_available: false,
        mechanisms: vec![Mechanism::Scram(ScramHash::Sha256)],
        ..Policy::new(Arc::new(vec![domain.clone()]), [0; 32])
    };
    let router = Router::new(Arc::new(InMemory::new()), [domain].into_iter().collect(), Features::new());
    let server = C2s::new(policy, Settings::default(), router, accounts);
    let listener = Listener::bind("127.0.0.1:0".parse()?, Admission::new(10, 10))?;
    let address = listener.local_address()?;
    let serving = tokio::spawn({
        let server = server.clone();
        async move { server.serve(listener, Transport::Plain).await }
    });

    let clients = tokio::task::spawn_blocking(move || -> Result<()> {
        let mut juliet = Client::log_in(address, "juliet@tiny.example")?;
        let mut romeo = Client::log_in(address, "romeo@tiny.example")?;
        let to = juliet.jid.clone();
        romeo.socket.write_all(format!("<message to='{to}'><body>But soft!</body></message>").as_bytes())?;
        let message = juliet.receive()?;
        println!("{to} received {}", String::from_utf8_lossy(message.as_bytes()));
        Ok(())
    });
    clients.await??;
    serving.abort();
    let left = server.shut_down(Settings::default().closing_timeout).await;
    println!("shut down, {left} streams left");
    Ok(())
}

fn credentials(password: &str) -> Result<Credentials> {
    let keys = ScramCredentials::create(ScramHash::Sha256, password, 10_000)?;
    Ok(Credentials::new([ScramCredential::new(
        jabiru_storage::ScramHash::Sha256,
        keys.iterations,
        keys.salt.clone(),
        keys.keys.stored_key().to_vec(),
        keys.keys.server_key().to_vec(),
    )?])?)
}

/// A client just large enough to log in.
struct Client {
    socket: TcpStream,
    reader: Reader,
    received: Vec<u8>,
    jid: String,
}

impl Client {
    fn log_in(server: SocketAddr, address: &str) -> Result<Client> {
        let login = Login::with_password(BareJid::new(address)?, "secret".to_owned());
        let policy = InitiatingPolicy { require_tls: false, ..InitiatingPolicy::default() };
        let mut stream = InitiatingStream::new(login, policy, Security::Plaintext, Instant::now());
        let (socket, reader) = (TcpStream::connect(server)?, Reader::new(Limits::AUTHENTICATED));
        let mut client = Client { socket, reader, received: Vec::new(), jid: String::new() };
        loop {
            let mut output = Vec::new();
            stream.take_output(&mut output);
            client.socket.write_all(&output)?;
            match stream.poll_event() {
                Some(InitiatingEvent::RestartStream) => client.reader = Reader::new(Limits::AUTHENTICATED),
                Some(InitiatingEvent::Established { jid }) => {
                    client.jid = jid.to_string();
                    return Ok(client);
                }
                Some(InitiatingEvent::Authenticated { .. }) => {}
                Some(other) => return Err(format!("unexpected: {other:?}").into()),
                None if output.is_empty() => stream.handle_event(client.event()?, Instant::now()),
                None => {}
            }
        }
    }

    fn receive(&mut self) -> Result<RawElement> {
        match self.event()? {
            Event::Element(element) => Ok(element),
            other => Err(format!("an element was due: {other:?}").into()),
        }
    }

    fn event(&mut self) -> Result<Event> {
        loop {
            let mut rest = self.received.as_slice();
            let event = self.reader.read(&mut rest)?;
            self.received = rest.to_vec();
            if let Some(event) = event {
                return Ok(event);
            }
            let mut buffer = [0; 4096];
            match self.socket.read(&mut buffer)? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                count => self.received.extend_from_slice(&buffer[..count]),
            }
        }
    }
}
