//! A connection over real sockets: STARTTLS in both versions, the bound of the outbox, stalls, the end.
#![allow(clippy::unwrap_used, reason = "it is all test code")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jabiru_net::{Admission, Connection, ConnectionLimits, Identity, Listener, TlsSettings, Wake};
use jabiru_stanza::{StreamCondition, StreamError};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

const LIMITS: ConnectionLimits = ConnectionLimits::new(64 * 1024, Duration::from_secs(30));
const LONG: Duration = Duration::from_secs(30);

fn identity(domain: &str) -> Identity {
    let made = rcgen::generate_simple_self_signed([domain.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    Identity::new(vec![made.cert.der().clone()], key).unwrap()
}

async fn pair(limits: ConnectionLimits) -> (Connection, TcpStream) {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), Admission::new(10, 10)).unwrap();
    let client = TcpStream::connect(listener.local_address().unwrap()).unwrap();
    let (socket, peer, _admitted) = listener.accept().await;
    (Connection::new(socket, peer, limits).unwrap(), client)
}

fn client_config(identity: &Identity, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(identity.certificate().to_vec().into()).unwrap();
    Arc::new(
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}

/// RFC 9266 and RFC 5929: both sides compute the same channel bindings; the certificate is the one
/// of the server name; without one, that of the stream's `to`; without either, the first one.
#[tokio::test]
async fn tls_binds_both_sides_to_the_channel() {
    let identities =
        [("one.example".to_owned(), identity("one.example")), ("two.example".to_owned(), identity("two.example"))];
    let settings = TlsSettings::new(identities.to_vec(), None).unwrap();
    for (version, exporter) in [(&rustls::version::TLS13, true), (&rustls::version::TLS12, false)] {
        for (sni, to, expected) in [
            (true, Some("one.example"), 1),
            (true, Some("two.example"), 1),
            (false, Some("two.example"), 1),
            (false, Some("one.example"), 0),
            (false, Some("elsewhere.example"), 0),
            // Direct TLS: the stream has not said yet whom it is for.
            (true, None, 1),
            (false, None, 0),
        ] {
            let (mut connection, mut socket) = pair(LIMITS).await;
            connection.outbox().push(|out| out.extend_from_slice(b"<proceed/>")).unwrap();
            let mut config = ClientConfig::clone(&client_config(&identities[expected].1, version));
            config.enable_sni = sni;
            let client = std::thread::spawn(move || {
                let mut proceed = [0; 10];
                socket.read_exact(&mut proceed).unwrap();
                assert_eq!(&proceed, b"<proceed/>");
                let name = ServerName::try_from(["one.example", "two.example"][expected]).unwrap();
                let mut tls = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket);
                tls.write_all(b"hello").unwrap();
                let exporter =
                    tls.conn.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(&[])).unwrap();
                let certificate = tls.conn.peer_certificates().unwrap()[0].to_vec();
                let mut farewell = String::new();
                tls.read_to_string(&mut farewell).unwrap();
                (exporter, certificate, farewell)
            });
            // The indicated name is two.example throughout; a client without SNI is served by `to`.
            let info = connection.receive_tls(&settings, to, LONG).await.unwrap();
            assert_eq!(info.server_name.as_deref(), sni.then_some("two.example"));
            match connection.next(None).await.unwrap() {
                Wake::Received(chunk) => assert_eq!(&*chunk, b"hello"),
                other => panic!("{other:?}"),
            }
            connection.finish(b"bye", LONG).await;
            let (their_exporter, certificate, farewell) = client.join().unwrap();
            assert_eq!(farewell, "bye");
            assert_eq!(certificate, identities[expected].1.certificate());
            assert_eq!(info.exporter, exporter.then_some(their_exporter));
            use sha2::Digest;
            assert_eq!(info.server_end_point, Some(sha2::Sha256::digest(&certificate).to_vec()));
        }
    }
}

/// What another task pushes leaves in order, more than a socket takes at once.
#[tokio::test]
async fn everything_pushed_arrives_in_order() {
    let (mut connection, mut socket) = pair(LIMITS).await;
    let outbox = connection.outbox().clone();
    let expected: Vec<u8> = (0..2_000_000u32).flat_map(u32::to_be_bytes).collect();
    let client = std::thread::spawn(move || {
        let mut received = Vec::new();
        socket.read_to_end(&mut received).unwrap();
        received
    });
    let feed = expected.clone();
    let feeder = tokio::spawn(async move {
        for piece in feed.chunks(5_000) {
            while outbox.push(|out| out.extend_from_slice(piece)).is_err() {
                tokio::task::yield_now().await;
            }
        }
        outbox.end(Some(StreamError::new(StreamCondition::Reset)));
    });
    match connection.next(None).await.unwrap() {
        Wake::EndOrdered(Some(error)) => assert_eq!(*error.condition(), StreamCondition::Reset),
        other => panic!("{other:?}"),
    }
    feeder.await.unwrap();
    connection.finish(b"", LONG).await;
    assert!(client.join().unwrap() == expected);
}

/// A peer that takes nothing is given up after the stall time-out, and costs bounded memory until then.
#[tokio::test]
async fn a_stalled_peer_is_given_up() {
    let limits = ConnectionLimits::new(64 * 1024, Duration::from_millis(300));
    let (mut connection, _silent) = pair(limits).await;
    let outbox = connection.outbox().clone();
    let feeder = tokio::spawn(async move {
        let mut accepted = 0;
        while outbox.push(|out| out.extend_from_slice(&[b'x'; 1000])) != Err(jabiru_router::Refused::Gone) {
            accepted += 1000;
            tokio::task::yield_now().await;
        }
        accepted
    });
    let error = connection.next(None).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    // What nobody sends any more is not taken any more.
    drop(connection);
    assert!(feeder.await.unwrap() > 0);
}

/// TLS takes octets into a buffer of its own although the socket takes none: that is no sign of life.
#[tokio::test]
async fn a_trickle_does_not_hide_that_a_tls_peer_takes_nothing() {
    let identities = [("one.example".to_owned(), identity("one.example"))];
    let settings = TlsSettings::new(identities.to_vec(), None).unwrap();
    let limits = ConnectionLimits::new(1 << 20, Duration::from_millis(500));
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), Admission::new(10, 10)).unwrap();
    let mut client = TcpStream::connect(listener.local_address().unwrap()).unwrap();
    // Small, so that the system's own buffers are soon full.
    socket2::SockRef::from(&client).set_recv_buffer_size(4096).unwrap();
    let (socket, peer, _admitted) = listener.accept().await;
    socket2::SockRef::from(&socket).set_send_buffer_size(4096).unwrap();
    let mut connection = Connection::new(socket, peer, limits).unwrap();
    let config = client_config(&identities[0].1, &rustls::version::TLS13);
    let shaken = std::thread::spawn(move || {
        let name = ServerName::try_from("one.example").unwrap();
        let mut session = ClientConnection::new(config, name).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut client).unwrap();
        }
        client
    });
    connection.receive_tls(&settings, None, LONG).await.unwrap();
    let _silent = shaken.join().unwrap();

    let outbox = connection.outbox().clone();
    let feeder = tokio::spawn(async move {
        let mut taken = 0;
        while outbox.push(|out| out.extend_from_slice(&[b'x'; 500])).is_ok() {
            taken += 500;
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        taken
    });
    let error = tokio::time::timeout(LONG, connection.next(None)).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    drop(connection);
    let taken = feeder.await.unwrap();
    assert!(taken < 64 * 1024, "given up only after {taken} bytes");
}

#[tokio::test]
async fn deadlines_and_ends_are_told() {
    let (mut connection, mut client) = pair(LIMITS).await;
    let soon = Instant::now() + Duration::from_millis(20);
    assert!(matches!(connection.next(Some(soon)).await.unwrap(), Wake::Deadline));
    client.write_all(b"late").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    match connection.next(Some(soon + LONG)).await.unwrap() {
        Wake::Received(chunk) => assert_eq!(&*chunk, b"late"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(connection.next(None).await.unwrap(), Wake::Ended));
    connection.finish(b"</stream:stream>", LONG).await;
    let mut last = String::new();
    client.read_to_string(&mut last).unwrap();
    assert_eq!(last, "</stream:stream>");
}

/// What holds a client back holds up nothing that goes to it, nor its end.
#[tokio::test]
async fn a_resting_connection_sends_but_does_not_read() {
    let (mut connection, mut client) = pair(LIMITS).await;
    client.write_all(b"early").unwrap();
    connection.outbox().push(|out| out.extend_from_slice(b"hello")).unwrap();
    assert!(connection.is_sending());
    let soon = Instant::now() + Duration::from_millis(50);
    assert!(matches!(connection.rest(soon).await.unwrap(), Wake::Deadline));
    assert!(Instant::now() >= soon && !connection.is_sending());
    let mut greeting = [0; 5];
    client.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"hello");
    match connection.next(Some(soon + LONG)).await.unwrap() {
        Wake::Received(chunk) => assert_eq!(&*chunk, b"early"),
        other => panic!("{other:?}"),
    }
    connection.outbox().end(None);
    assert!(matches!(connection.rest(soon + LONG).await.unwrap(), Wake::EndOrdered(None)));
}
