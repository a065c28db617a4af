//! A relay that ends TLS: somebody between client and server with a certificate that the client trusts.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use jabiru_test_support::Server;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConnection, ServerConfig, ServerConnection, StreamOwned};

use crate::wire::trusting;

/// Listens for one client of direct TLS and relays to the server, letting `change` have each piece that the
/// server sends. It ends when either side does.
///
/// # Panics
/// If the sockets or the certificate are no good.
pub fn between(
    server: &Server,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    change: impl Fn(String) -> String + Send + 'static,
) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate with its key");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (there, trusted) = (server.direct_tls(), server.certificate());
    std::thread::spawn(move || {
        let (client, _) = listener.accept().expect("a client comes");
        let mut client = StreamOwned::new(ServerConnection::new(Arc::new(config)).expect("a session"), client);
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(Arc::new(trusting(&trusted)), name).expect("a session");
        let mut server = StreamOwned::new(session, TcpStream::connect(there).expect("the server listens"));
        for socket in [&client.sock, &server.sock] {
            socket.set_read_timeout(Some(Duration::from_millis(2))).expect("the option can be set");
        }
        // Ends with either side, which is the way this is meant to end.
        while pass(&mut client, &mut server, |text| text).is_ok() && pass(&mut server, &mut client, &change).is_ok() {}
    });
    address
}

/// Passes on what has come, if anything has.
fn pass(from: &mut impl Read, to: &mut impl Write, change: impl Fn(String) -> String) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    match from.read(&mut buffer) {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Ok(count) => {
            let text = String::from_utf8(buffer[..count].to_vec()).map_err(io::Error::other)?;
            to.write_all(change(text).as_bytes())?;
            to.flush()
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(()),
        Err(error) => Err(error),
    }
}
