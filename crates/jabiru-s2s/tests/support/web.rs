//! A small web server with TLS on the loopback interface, which may misbehave.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jabiru_net::certificate::Roots;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What is at a URL.
#[derive(Clone, Debug)]
pub(crate) enum Page {
    /// A document.
    Is(String),
    /// A redirect.
    Leads(String),
    /// Another status, without a body.
    Status(u16),
    /// A body of so many octets, which are announced.
    Large(usize),
    /// A body that does not end; nothing is announced.
    Endless,
    /// Octets that trickle in, one a while, and never end.
    Trickles,
    /// No answer at all.
    Silent,
    /// A document, after a while.
    Late(Duration, String),
    /// An answer that is not HTTP.
    Nonsense,
}

/// A running web server; it ends with the runtime.
#[derive(Clone)]
pub(crate) struct WebServer {
    port: u16,
    roots: Roots,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    pages: Mutex<HashMap<String, Page>>,
    asked: Mutex<Vec<String>>,
}

/// Certificates by name, made when they are first asked for; one for another name, if there is no authority for it.
struct Certificates {
    authority: CertifiedIssuer<'static, KeyPair>,
    /// For names that begin like this there is none from the authority.
    unknown_authority: CertifiedIssuer<'static, KeyPair>,
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?.to_owned();
        let (issuer, name) = match name.split_once('.') {
            Some(("untrusted", _)) => (&self.unknown_authority, name),
            Some(("misnamed", _)) => (&self.authority, "other.test".to_owned()),
            _ => (&self.authority, name),
        };
        let mut params = CertificateParams::new([name.clone()]).unwrap();
        if name.starts_with("expired.") {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, issuer).unwrap().der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = aws_lc_rs::default_provider();
        Some(Arc::new(CertifiedKey::from_der(vec![certificate], key, &provider).unwrap()))
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}

impl WebServer {
    pub(crate) async fn start() -> WebServer {
        let certificates = Certificates { authority: authority("known"), unknown_authority: authority("unknown") };
        let roots = Roots::new([certificates.authority.der().clone()]).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(certificates));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), state.clone()));
        WebServer { port, roots, state }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn roots(&self) -> &Roots {
        &self.roots
    }

    /// `place` is a host and a path, without a port.
    pub(crate) fn put(&self, place: &str, page: Page) {
        self.state.pages.lock().unwrap().insert(place.to_owned(), page);
    }

    /// What was asked for since the last call, as `host/path`.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state.asked.lock().unwrap())
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, state: Arc<State>) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let (tls, state) = (tls.clone(), state.clone());
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(socket).await else { return };
            let mut stream = BufReader::new(stream);
            let (mut path, mut host) = (String::new(), String::new());
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                if let Some(request) = line.strip_prefix("GET ") {
                    request.split(' ').next().unwrap().clone_into(&mut path);
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("host: ") {
                    value.trim().split(':').next().unwrap().clone_into(&mut host);
                }
            }
            let place = format!("{host}{path}");
            let page = state.pages.lock().unwrap().get(&place).cloned();
            state.asked.lock().unwrap().push(place);
            let _ = answer(&mut stream, page.unwrap_or(Page::Status(404))).await;
            let _ = stream.shutdown().await;
        });
    }
}

async fn answer(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin), page: Page) -> std::io::Result<()> {
    let document = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    match page {
        Page::Is(body) => stream.write_all(document(&body).as_bytes()).await,
        Page::Leads(to) => {
            let head = format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await
        }
        Page::Status(status) => {
            let head = format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await
        }
        Page::Large(length) => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&vec![b' '; length]).await
        }
        Page::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(&[b' '; 1024]).await?;
            }
        }
        Page::Trickles => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(b" ").await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Page::Silent => {
            let mut byte = [0];
            stream.read(&mut byte).await.map(|_| ())
        }
        Page::Late(after, body) => {
            tokio::time::sleep(after).await;
            stream.write_all(document(&body).as_bytes()).await
        }
        Page::Nonsense => stream.write_all(b"SSH-2.0-server\r\n\r\n").await,
    }
}
