//! Certificates of the server whose end is near.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use jabiru_stanza::StreamCondition;
use jabiru_test_support::{Client, Data, PATIENCE, Server};

const PROGRAM: &str = env!("CARGO_BIN_EXE_jabiru");
const HOUR: Duration = Duration::from_secs(3600);

/// Writes a certificate for `localhost` where the server keeps those that it makes.
fn certificate(folder: &Path, left: Duration) {
    let folder = folder.join("jabiru-data/certificates");
    let pair = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = (SystemTime::now() + left).into();
    std::fs::write(folder.join("localhost.key"), pair.serialize_pem()).unwrap();
    std::fs::write(folder.join("localhost.crt"), params.self_signed(&pair).unwrap().pem()).unwrap();
}

fn command(server: &Server, argument: &str) -> String {
    let run = server.run(&[argument], "");
    assert!(run.success, "{run:?}");
    run.output
}

fn await_log(server: &Server, text: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !server.log().contains(text) {
        assert!(Instant::now() < deadline, "{text:?} is not in the log:\n{}", server.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn told_in_time() {
    let server = Server::start(PROGRAM, "[tls]\nwarn_before_expiry_days = 5\n");
    let warning = "the certificate expires soon";
    certificate(server.folder(), HOUR * 24 * 6 - HOUR);
    command(&server, "reload");
    let status = command(&server, "status");
    assert!(status.contains(" expires 20") && status.contains("(in 5 days)"), "{status}");
    assert!(!server.log().contains(warning));

    certificate(server.folder(), HOUR * 24 * 4 - HOUR);
    assert!(command(&server, "reload").contains("new certificate   localhost"));
    let status = command(&server, "status");
    assert!(status.contains("EXPIRES SOON, 20") && status.contains("(in 3 days)"), "{status}");
    await_log(&server, warning);
    // Once a day is enough.
    command(&server, "reload");
    command(&server, "status");
    assert_eq!(server.log().matches(warning).count(), 1);

    certificate(server.folder(), Duration::ZERO);
    command(&server, "reload");
    await_log(&server, "the certificate has expired");
    assert!(command(&server, "status").contains("HAS EXPIRED 20"));
}

/// RFC 6120 §4.9.3.16: the streams begin anew once, shortly before the certificate's end.
#[test]
fn streams_begin_anew_before_the_end() {
    let server = Server::start(PROGRAM, "[tls]\nrestart_streams_before_expiry_hours = 1\n");
    server.add_user("juliet@localhost", "r0m30");
    let data = server.into_data();
    let server = soon_to_expire(&data);
    let mut juliet = Client::online(&server, "juliet", "r0m30", "balcony");
    let error = juliet.receive_stream_error();
    assert_eq!(*error.condition(), StreamCondition::Reset);
    assert_eq!(error.text(), Some("the server's certificate expires"));
    // Who comes now may stay.
    let mut juliet = Client::online(&server, "juliet", "r0m30", "balcony");
    command(&server, "reload");
    command(&server, "status");
    juliet.ping();
}

/// Another certificate does not help those who have seen the old one.
#[test]
fn streams_begin_anew_although_the_certificate_was_replaced() {
    let server = Server::start(PROGRAM, "[tls]\nrestart_streams_before_expiry_hours = 1\n");
    server.add_user("juliet@localhost", "r0m30");
    let server = soon_to_expire(&server.into_data());
    let mut juliet = Client::online(&server, "juliet", "r0m30", "balcony");
    certificate(server.folder(), HOUR * 24);
    assert!(command(&server, "reload").contains("new certificate   localhost"));
    juliet.ping();
    assert_eq!(*juliet.receive_stream_error().condition(), StreamCondition::Reset);
}

/// A server whose certificate is an hour and some seconds from its end.
fn soon_to_expire(data: &Data) -> Server {
    let mut server = Server::start_with(PROGRAM, "[tls]\nrestart_streams_before_expiry_hours = 1\n", data);
    assert_eq!(server.terminate().0, Some(0));
    certificate(server.folder(), HOUR + Duration::from_secs(8));
    server.restart();
    server
}
