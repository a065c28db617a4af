//! Domains of the attacker, as other servers see them: who opens streams for them, and who listens for theirs.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jabiru_test_support::PATIENCE;
use rustls::ServerConfig;

use crate::wire::Wire;

/// The features of a receiving server that awaits STARTTLS.
pub const STARTTLS_FEATURES: &str =
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
/// `<starttls/>`
pub const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
/// The answer to it.
pub const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
/// Ways of proof that a receiving server offers.
pub const EXTERNAL: &str =
    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>";
/// The same by dialback.
pub const DIALBACK: &str = "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>";
/// Stanzas in both directions.
pub const BIDI: &str = "<bidi xmlns='urn:xmpp:features:bidi'/>";
/// Stream management.
pub const SM: &str = "<sm xmlns='urn:xmpp:sm:3'/>";
/// What ends SASL.
pub const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";

/// A stream header between servers.
#[must_use]
pub fn header(from: &str, to: &str, more: &str) -> String {
    format!(
        "<?xml version='1.0'?><stream:stream from='{from}' to='{to}' version='1.0' xml:lang='en' {more} \
         xmlns='jabber:server' xmlns:db='jabber:server:dialback' xmlns:stream='http://etherx.jabber.org/streams'>"
    )
}

/// Stream features with these in them.
#[must_use]
pub fn features(list: &[&str]) -> String {
    format!("<stream:features>{}</stream:features>", list.concat())
}

/// Where a domain of the attacker listens for other servers, and what it shows them.
#[derive(Debug)]
pub struct Listening {
    /// The domain.
    pub domain: String,
    listener: TcpListener,
    config: Arc<ServerConfig>,
}

impl Listening {
    /// Listens on a port that the system chooses.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn new(domain: &str, config: ServerConfig) -> Listening {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("the option can be set");
        Listening { domain: domain.to_owned(), listener, config: Arc::new(config) }
    }

    /// Shows something else from now on.
    pub fn show(&mut self, config: ServerConfig) {
        self.config = Arc::new(config);
    }

    /// Where.
    ///
    /// # Panics
    /// If the system does not know.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("it is bound")
    }

    /// The next connection, if one comes in time.
    #[must_use]
    pub fn accept_within(&self, time: Duration) -> Option<Wire> {
        let deadline = Instant::now() + time;
        loop {
            if let Ok((socket, _)) = self.listener.accept() {
                socket.set_nonblocking(false).expect("the option can be set");
                return Some(Wire::over(socket));
            }
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The next connection.
    ///
    /// # Panics
    /// If none comes.
    #[must_use]
    pub fn accept(&self) -> Wire {
        self.accept_within(PATIENCE).unwrap_or_else(|| panic!("nobody connects to {}", self.domain))
    }

    /// The next connection, with its stream header heard and answered; the features are due.
    ///
    /// # Panics
    /// If that does not come.
    #[must_use]
    pub fn accept_stream(&self) -> Wire {
        let mut wire = self.accept();
        self.answer_header(&mut wire, "clear");
        wire
    }

    /// The next connection, with STARTTLS done and the header of the stream under TLS answered, with this id; the
    /// features are due.
    ///
    /// # Panics
    /// If that does not come.
    #[must_use]
    pub fn accept_secured(&self, id: &str) -> Wire {
        let wire = self.accept();
        self.secure(wire, id)
    }

    /// The same with a connection that is there, of which nothing was heard yet.
    ///
    /// # Panics
    /// If the other side does something else.
    #[must_use]
    pub fn secure(&self, mut wire: Wire, id: &str) -> Wire {
        self.answer_header(&mut wire, "clear");
        wire.send(STARTTLS_FEATURES);
        wire.hear(STARTTLS);
        wire.send(PROCEED);
        let mut wire = self.serve(wire).expect("the handshake succeeds");
        self.answer_header(&mut wire, id);
        wire
    }

    /// Does a TLS handshake, showing this domain's certificate.
    ///
    /// # Errors
    /// What TLS or the socket says.
    pub fn serve(&self, wire: Wire) -> io::Result<Wire> {
        wire.serve_tls(self.config.clone())
    }

    /// The next connection, up to the stream that carries stanzas: the other side has shown its certificate. These
    /// features are offered at the end.
    ///
    /// # Panics
    /// If the other side does something else.
    #[must_use]
    pub fn accept_established(&self, before: &[&str], after: &[&str]) -> Wire {
        let mut wire = self.accept_secured("secured");
        self.establish(&mut wire, before, after);
        wire
    }

    /// The same from the features under TLS on.
    ///
    /// # Panics
    /// If the other side does something else.
    pub fn establish(&self, wire: &mut Wire, before: &[&str], after: &[&str]) {
        wire.send(features(&[&[EXTERNAL], before].concat()));
        wire.hear("</auth>");
        wire.send(SUCCESS);
        wire.begin_anew();
        self.answer_header(wire, "established");
        wire.send(features(after));
    }

    /// Hears a stream header and answers it.
    ///
    /// # Panics
    /// If none comes.
    pub fn answer_header(&self, wire: &mut Wire, id: &str) {
        wire.hear("<stream:stream ");
        let rest = wire.hear(">");
        assert!(rest.contains(&format!("to='{}'", self.domain)), "{rest}");
        wire.send(header(&self.domain, "localhost", &format!("id='{id}'")));
    }
}

/// The text of the next element with this name that is heard, beginning with its name; see [`Wire::hear`].
///
/// # Panics
/// If it does not come.
pub fn element(wire: &mut Wire, name: &str) -> String {
    let start = format!("<{name}");
    wire.hear(&start);
    let tag = wire.hear(">");
    if tag.ends_with("/>") {
        return format!("{start}{tag}");
    }
    let rest = wire.hear(&format!("</{name}>"));
    format!("{start}{tag}{rest}")
}

/// The value of an attribute in the text of an element, up to the end of its first tag.
#[must_use]
pub fn attribute(element: &str, name: &str) -> Option<String> {
    let tag = element.split('>').next()?;
    let rest = tag.split(&format!(" {name}='")).nth(1)?;
    Some(rest.split('\'').next()?.to_owned())
}
