//! A server inside another program.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use jabiru_server::Server;
use jabiru_server::config::Config;

/// A program that drops its server has none any more: no stream goes on that nobody watches over.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_server_ends_its_streams() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { data_directory: folder.path().join("data"), ..Config::default() };
    config.c2s.starttls = vec!["127.0.0.1:0".parse().unwrap()];
    config.c2s.direct_tls = vec![];
    config.s2s.enabled = false;
    let server = Server::start(&config).await.unwrap();

    let mut client = TcpStream::connect(server.starttls_addresses()[0]).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    client
        .write_all(
            b"<stream:stream to='localhost' version='1.0' xmlns='jabber:client' \
              xmlns:stream='http://etherx.jabber.org/streams'>",
        )
        .unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(b"</stream:features>") {
        let mut octet = [0];
        client.read_exact(&mut octet).unwrap();
        heard.extend(octet);
    }
    drop(server);
    let mut last = String::new();
    client.read_to_string(&mut last).unwrap();
    assert!(last.starts_with("<stream:error><system-shutdown "), "{last}");
    assert!(last.ends_with("</stream:error></stream:stream>"), "{last}");
}
