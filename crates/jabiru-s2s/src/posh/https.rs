//! One GET over HTTPS.

use std::error::Error;
use std::sync::Arc;

use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, LOCATION, USER_AGENT};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use jabiru_net::certificate::Roots;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::{PoshError, PoshSettings};
use crate::connect::{ConnectLimits, Connector};
use crate::resolve::{Found, Host, Resolver, ServerTarget, Source};

/// Fetches from web servers whose certificates are good for their names (RFC 2818; RFC 7711 §3).
pub(super) struct Https {
    resolver: Resolver,
    tls: TlsConnector,
    settings: PoshSettings,
}

/// A place on a web server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    text: String,
    host: Host,
    port: Option<u16>,
    path: String,
}

/// What a web server answered.
pub(super) enum Answer {
    Body(Vec<u8>),
    /// To another place, in the server's words.
    Redirect(String),
}

impl Https {
    pub(super) fn new(resolver: Resolver, roots: &Roots, settings: PoshSettings) -> Https {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .expect("the provider has cipher suites for both versions")
            .with_root_certificates(roots.store())
            .with_no_client_auth();
        Https { resolver, tls: TlsConnector::from(Arc::new(config)), settings }
    }

    /// Gets what is at a URL. How long that takes is for the caller to bound.
    pub(super) async fn get(&self, url: &Url) -> Result<Answer, PoshError> {
        let text = || url.text.clone();
        let target = ServerTarget {
            host: url.host.clone(),
            port: url.port.unwrap_or(self.settings.https_port),
            direct_tls: true,
            priority: 0,
            weight: 0,
            secure: false,
        };
        let found = Found { source: Source::Address, secure: false, targets: vec![target] };
        let limits = ConnectLimits { total_timeout: self.settings.timeout, ..ConnectLimits::default() };
        let connected = Connector::new(self.resolver.clone(), &found, limits)
            .next(&mut |_| ())
            .await
            .map_err(|error| PoshError::Connect { url: text(), error })?;
        let stream = self
            .tls
            .connect(url.server_name()?, connected.socket)
            .await
            .map_err(|error| PoshError::Tls { url: text(), error: error.to_string() })?;

        let http = |error: &dyn Error| PoshError::Http { url: text(), error: with_causes(error) };
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEADER_BYTES)
            .handshake::<_, Empty<Bytes>>(TokioIo::new(stream))
            .await
            .map_err(|error| http(&error))?;
        // Ends with this call, whatever the server does.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let request = Request::get(url.path.as_str())
            .header(HOST, url.authority())
            .header(USER_AGENT, "jabiru")
            .header(ACCEPT, "application/json")
            .header(CONNECTION, "close")
            .body(Empty::new())
            .map_err(|error| http(&error))?;
        let response = sender.send_request(request).await.map_err(|error| http(&error))?;
        self.read(response, url).await
    }

    async fn read(&self, response: Response<hyper::body::Incoming>, url: &Url) -> Result<Answer, PoshError> {
        let text = || url.text.clone();
        match response.status() {
            StatusCode::OK => {}
            // RFC 7711 §10: all kinds of redirects may be taken as temporary.
            status if status.is_redirection() => {
                let location = response.headers().get(LOCATION);
                let location = location.map(|location| String::from_utf8_lossy(location.as_bytes()).into_owned());
                return match location {
                    Some(location) => Ok(Answer::Redirect(location)),
                    None => Err(PoshError::Status { url: text(), status: status.as_u16() }),
                };
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => return Err(PoshError::NotPublished { url: text() }),
            status => return Err(PoshError::Status { url: text(), status: status.as_u16() }),
        }
        let limit = self.settings.max_body_bytes;
        match Limited::new(response.into_body(), limit).collect().await {
            Ok(body) => Ok(Answer::Body(body.to_bytes().to_vec())),
            Err(error) if error.is::<LengthLimitError>() => Err(PoshError::TooLarge { url: text(), limit }),
            Err(error) => Err(PoshError::Http { url: text(), error: with_causes(&*error) }),
        }
    }
}

/// Octets that the status line and the header fields of an answer may have.
const MAX_HEADER_BYTES: usize = 16 * 1024;

impl Url {
    /// The place at which the server of a domain publishes (RFC 7712 §5.2).
    pub(super) fn well_known(host: Host) -> Url {
        let path = "/.well-known/posh/xmpp-server.json".to_owned();
        let text = format!("https://{}{path}", authority(&host, None));
        Url { text, host, port: None, path }
    }

    /// The place that `text`, found at this one, leads to: a URL with https, or for a redirect a path on the same server.
    pub(super) fn follow(&self, text: &str) -> Result<Url, PoshError> {
        let not_https = || PoshError::NotHttps { url: self.text.clone(), to: text.to_owned() };
        let uri: Uri = text.parse().map_err(|_| not_https())?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let (host, port) = match (uri.scheme_str(), uri.authority()) {
            (Some("https"), Some(there)) if !there.as_str().contains('@') => {
                (there.host().parse().map_err(|_| not_https())?, there.port_u16())
            }
            (None, None) if path.starts_with('/') && !path.starts_with("//") => (self.host.clone(), self.port),
            (_, _) => return Err(not_https()),
        };
        Ok(Url { text: format!("https://{}{path}", authority(&host, port)), host, port, path })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    fn authority(&self) -> String {
        authority(&self.host, self.port)
    }

    fn server_name(&self) -> Result<ServerName<'static>, PoshError> {
        match &self.host {
            Host::Address(address) => Ok(ServerName::IpAddress((*address).into())),
            Host::Name(name) => ServerName::try_from(name.clone())
                .map_err(|error| PoshError::Tls { url: self.text.clone(), error: error.to_string() }),
        }
    }
}

/// As it stands in a URL and a `Host` field.
fn authority(host: &Host, port: Option<u16>) -> String {
    let host = match host {
        Host::Address(std::net::IpAddr::V6(address)) => format!("[{address}]"),
        Host::Address(_) | Host::Name(_) => host.to_string(),
    };
    match port {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

/// hyper says what is wrong in the causes alone.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_url_leads() {
        let first = Url::well_known("im.example".parse().unwrap());
        assert_eq!(first.as_str(), "https://im.example/.well-known/posh/xmpp-server.json");
        for (text, expected) in [
            (
                "https://hosting.example/posh.json?of=im.example",
                Some("https://hosting.example/posh.json?of=im.example"),
            ),
            ("https://hosting.example", Some("https://hosting.example/")),
            ("https://Hosting.Example:8443/a", Some("https://hosting.example:8443/a")),
            ("https://[::1]:8443/a", Some("https://[::1]:8443/a")),
            ("/other.json", Some("https://im.example/other.json")),
            ("http://hosting.example/posh.json", None),
            ("ftp://hosting.example/posh.json", None),
            ("https://somebody@hosting.example/", None),
            ("//hosting.example/posh.json", None),
            ("other.json", None),
            ("*", None),
            ("https://", None),
            ("https://two..dots/", None),
            ("https://im.example/\r\nHost: other", None),
            ("", None),
        ] {
            let followed = first.follow(text);
            assert_eq!(followed.as_ref().ok().map(Url::as_str), expected, "{text:?}: {followed:?}");
        }
    }
}
