//! Silent peers (RFC 6120 §4.6).

use std::time::{Duration, Instant};

use jabiru_c2s::Settings;
use socket2::SockRef;

use crate::client::{Client, stream_error};
use crate::server::Server;

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn server(change: impl FnOnce(&mut Settings)) -> Server {
    Server::with(|setup| change(&mut setup.settings))
}

/// §4.6.1: whitespace goes out again and again, and is no reason to end anything.
#[test]
fn whitespace_is_sent_into_silence() {
    let server = server(|settings| settings.whitespace_interval = Some(millis(50)));
    let mut client = server.log_in("juliet@im.example/balcony");
    let before = Instant::now();
    assert_eq!(client.until("   "), "   ");
    assert!(before.elapsed() >= millis(120), "three intervals are over");
    client.sync("still-here");
}

/// §4.6.2: no answer to a ping is a broken stream; whatever is heard is an answer.
#[test]
fn a_silent_client_is_asked_and_then_given_up() {
    let server = server(|settings| {
        settings.idle_timeout = Some(millis(200));
        settings.ping_timeout = millis(300);
    });
    let mut romeo = server.log_in("juliet@im.example/balcony");
    for answer in [" ", "<iq type='result' id='still-there'/>"] {
        let ping = romeo.until("</iq>");
        for part in
            ["type='get'", "from='im.example'", "to='juliet@im.example/balcony'", "<ping xmlns='urn:xmpp:ping'/>"]
        {
            assert!(ping.contains(part), "{ping}");
        }
        romeo.send(answer);
    }
    romeo.until("</iq>");
    assert_eq!(stream_error(&romeo.rest()).0, "connection-timeout");
    server.await_streams(0);
}

/// §4.6.3 and §4.6.4: each check can be left out, and then an idle client stays.
#[test]
fn without_checks_silence_is_no_fault() {
    let server = server(|settings| {
        settings.idle_timeout = None;
        settings.ping_timeout = millis(1);
    });
    let mut client = server.log_in("juliet@im.example/balcony");
    std::thread::sleep(millis(300));
    assert_eq!(client.sync("still-here").matches("<iq").count(), 1, "nothing was asked");
}

/// A client that reads slowly has not got the ping yet, and may have answered what we did not read.
#[test]
fn time_in_which_nothing_could_be_heard_does_not_count() {
    let server = server(|settings| {
        settings.idle_timeout = Some(millis(1000));
        settings.ping_timeout = millis(500);
    });
    server.add(&["juliet@im.example"]);
    let mut juliet = Client::connect_narrow(server.address);
    juliet.log_in("juliet@im.example/balcony");
    let mut romeo = server.log_in("romeo@im.example/orchard");
    // For longer than both times more comes than all buffers on the way take; what is too much is answered.
    let body = "x".repeat(100_000);
    let (mut sent, mut refused) = (0, 0);
    let mut full_since = None;
    while full_since.is_none_or(|since: Instant| since.elapsed() < millis(2500)) {
        romeo.send(&format!("<message to='juliet@im.example/balcony' type='chat'><body>{body}</body></message>"));
        sent += 1;
        if romeo.sync("is-it-full").contains("resource-constraint") {
            refused += 1;
            full_since.get_or_insert_with(Instant::now);
            std::thread::sleep(millis(10));
        }
        if full_since.is_none() {
            // Not silent yet, or else she is asked while the buffers of the system still take the question.
            juliet.send(" ");
        }
        assert!(sent < 2000, "all of it was taken");
    }
    let received = juliet.sync("after-all");
    assert_eq!(received.matches("</message>").count(), sent - refused);
    assert!(!received.contains("<stream:error>"));
}

/// Of a dead connection its account's other resources hear: reset by the system, or because it takes nothing.
#[test]
fn a_dead_connection_makes_its_resource_unavailable() {
    let server = server(|settings| settings.stall_timeout = millis(300));
    let mut balcony = server.log_in("juliet@im.example/balcony");
    balcony.send("<presence/>");
    balcony.sync("available");
    for how in ["reset", "stalled"] {
        let mut phone = Client::connect_narrow(server.address);
        phone.log_in("juliet@im.example/phone");
        phone.send("<presence/>");
        phone.sync("available");
        balcony.until("from='juliet@im.example/phone'");
        if how == "reset" {
            SockRef::from(&phone.socket).set_linger(Some(Duration::ZERO)).unwrap();
            drop(phone);
        } else {
            let body = "x".repeat(100_000);
            let mut romeo = server.log_in("romeo@im.example/orchard");
            // More than all buffers on the way take; nothing of it is read.
            for _ in 0..200 {
                romeo.send(&format!(
                    "<message to='juliet@im.example/phone' type='headline'><body>{body}</body></message>"
                ));
            }
            romeo.sync("sent");
        }
        let gone = balcony.until("<presence type='unavailable'");
        assert!(!gone.contains("/balcony'"), "{how}: {gone}");
        assert_eq!(server.resources("juliet@im.example"), 1, "{how}");
    }
}
