//! Two servers with each other, from the outside: configuration, commands, reload.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::time::{Duration, Instant};

use jabiru_test_support::{Client, Login, PATIENCE, Server};

const PROGRAM: &str = env!("CARGO_BIN_EXE_jabiru");
const JULIET: Login<'_> = Login { user: "juliet", password: "r0m30", mechanism: "SCRAM-SHA-256-PLUS" };

fn command(server: &Server, arguments: &[&str]) -> String {
    let run = server.run(arguments, "");
    assert!(run.success, "{arguments:?}: {run:?}");
    run.output
}

/// A server that asks nobody outside of this test.
fn configuration(domain: &str, more: &str) -> String {
    format!(
        "[[domain]]\nname = \"{domain}\"\n[s2s]\nsystem_authorities = false\nposh = false\nrequire = \"dialback\"\n{more}\n\
         [s2s.resolver]\nnameservers = [\"127.0.0.1:9\"]\ndnssec = false\ntimeout_seconds = 1\n"
    )
}

fn start(domain: &str) -> Server {
    let server = Server::start(PROGRAM, &configuration(domain, ""));
    server.add_user(&format!("juliet@{domain}"), "r0m30");
    server
}

/// Lets a server know where the other is, and whose certificate it has.
fn introduce(server: &Server, domain: &str, other: &Server, others_domain: &str, require: &str) {
    let certificate = other.folder().join(format!("jabiru-data/certificates/{others_domain}.crt"));
    let route = format!("[s2s.route]\n\"{others_domain}\" = \"{}\"\n", other.s2s_starttls());
    let exception = format!("[[s2s.domain]]\nname = \"{others_domain}\"\nrequire = \"{require}\"\n");
    let own = configuration(domain, &format!("ca = [{certificate:?}]"));
    server.configure(&format!("{own}{route}{exception}"));
    let said = command(server, &["reload"]);
    for key in ["s2s.ca", "s2s.route", "s2s.domain"] {
        assert!(said.contains(key) && !said.contains("needs a restart"), "{said}");
    }
}

fn available(server: &Server, domain: &str) -> Client {
    let mut client = Client::log_in_to(server, domain, JULIET, Some("balcony")).unwrap();
    client.send("<presence/>");
    // What comes back shows that it is known to be there.
    say(&mut client, &format!("juliet@{domain}"), "it is me");
    drop(client.receive_message());
    client
}

fn await_log(server: &Server, text: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !server.log().contains(text) {
        assert!(Instant::now() < deadline, "{text:?} is not in the log:\n{}", server.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn say(from: &mut Client, to: &str, body: &str) {
    from.send(&format!("<message to='{to}'><body>{body}</body></message>"));
}

/// What is new in the configuration holds at once, in both directions: routes, authorities, what is required.
#[test]
fn two_servers_that_were_introduced() {
    let (one, two) = (start("one.example"), start("two.example"));
    let (mut here, mut there) = (available(&one, "one.example"), available(&two, "two.example"));
    introduce(&one, "one.example", &two, "two.example", "certificate");
    introduce(&two, "two.example", &one, "one.example", "certificate");
    for body in ["first", "second"] {
        say(&mut here, "juliet@two.example", body);
        let message = there.receive_message();
        assert_eq!(message.attribute("from").unwrap(), "juliet@one.example/balcony", "{message:?}");
        say(&mut there, "juliet@one.example/balcony", body);
        assert_eq!(here.receive_message().attribute("from").unwrap(), "juliet@two.example/balcony");
        // However it ends, the next stanza opens a stream again.
        let said = command(&one, &["s2s", "close", "two.example"]);
        assert!(said.starts_with("Closing ") && said.ends_with("to or from two.example.\n"), "{said}");
    }
    assert!(command(&one, &["status"]).contains("  server streams "), "{}", command(&one, &["status"]));
}

/// RFC 6120 §4.9.3.5, §4.9.3.20: other servers are told too that a domain is gone, and that the server goes.
#[test]
fn what_ends_is_told_to_the_other_server() {
    let (mut one, two) = (start("one.example"), start("two.example"));
    let (mut here, mut there) = (available(&one, "one.example"), available(&two, "two.example"));
    introduce(&one, "one.example", &two, "two.example", "certificate");
    introduce(&two, "two.example", &one, "one.example", "certificate");
    say(&mut here, "juliet@two.example", "before");
    drop(there.receive_message());

    one.configure(&configuration("other.example", ""));
    let said = command(&one, &["reload"]);
    // The client's stream, and at least one of the other server.
    let ended = said.split("one.example (").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    assert!(ended.parse::<usize>().unwrap() >= 2, "{said}");
    await_log(&two, "host-gone");

    introduce(&one, "one.example", &two, "two.example", "certificate");
    let mut here = available(&one, "one.example");
    say(&mut here, "juliet@two.example", "again");
    drop(there.receive_message());
    assert_eq!(one.terminate().0, Some(0));
    await_log(&two, "system-shutdown");
}

/// A domain that is blocked while streams are up is so at once (policy-violation, RFC 6120 §8.3.3.12).
#[test]
fn a_domain_that_is_blocked_by_a_reload() {
    let (one, two) = (start("one.example"), start("two.example"));
    let (mut here, mut there) = (available(&one, "one.example"), available(&two, "two.example"));
    introduce(&one, "one.example", &two, "two.example", "certificate");
    introduce(&two, "two.example", &one, "one.example", "certificate");
    say(&mut here, "juliet@two.example", "before");
    drop(there.receive_message());
    one.configure(&configuration("one.example", "block = [\"*.example\"]"));
    assert!(command(&one, &["reload"]).contains("s2s.block"));
    say(&mut here, "juliet@two.example", "behind");
    let bounced = here.receive_message();
    assert_eq!(bounced.attribute("type").unwrap(), "error");
    let error = bounced.children().find(|child| child.name() == "error").unwrap();
    assert!(error.children().any(|child| child.name() == "policy-violation"), "{bounced:?}");
}

/// A test walks to the end and says where that is; streams that are there are shown.
#[test]
fn a_test_of_the_other_server() {
    let (one, two) = (start("one.example"), start("two.example"));
    let run = one.run(&["s2s", "test", "two.example"], "");
    assert!(!run.success && run.output.contains("\nFAIL "), "{run:?}");
    assert!(run.errors.starts_with("jabiru: two.example can't be reached from one.example: "), "{run:?}");

    introduce(&one, "one.example", &two, "two.example", "certificate");
    introduce(&two, "two.example", &one, "one.example", "certificate");
    let said = command(&one, &["s2s", "test", "two.example"]);
    assert!(said.ends_with("two.example can be reached from one.example.\n"), "{said}");
    for step in ["policy", "targets", "connect", "TLS", "certificate", "features", "SASL", "ping"] {
        assert!(said.lines().any(|line| line.starts_with("ok ") && line.contains(step)), "{step}: {said}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&command(&one, &["s2s", "test", "two.example", "--json"])).unwrap();
    assert_eq!((&json["reached"], &json["from"]), (&true.into(), &"one.example".into()));
    let steps: Vec<_> = json["findings"].as_array().unwrap().iter().map(|finding| &finding["step"]).collect();
    assert_eq!(steps.last().map(|step| **step == "ping"), Some(true), "{steps:?}");

    let (mut here, mut there) = (available(&one, "one.example"), available(&two, "two.example"));
    say(&mut here, "juliet@two.example", "is it you?");
    drop(there.receive_message());
    let json: serde_json::Value = serde_json::from_str(&command(&one, &["s2s", "list", "--json"])).unwrap();
    let streams = json.as_array().unwrap();
    assert!(streams.iter().all(|stream| stream["remote"] == "two.example"), "{json}");
    let sent = streams.iter().filter_map(|stream| stream["stanzas_out"].as_u64()).sum::<u64>();
    assert!(sent >= 1 && streams.iter().any(|stream| stream["state"] == "established"), "{json}");
    let said = command(&one, &["s2s", "list"]);
    assert!(said.contains("two.example") && said.contains("certificate"), "{said}");
}

/// Where there are no server streams, commands and senders are told so.
#[test]
fn no_server_streams() {
    let server = Server::start(PROGRAM, "");
    server.add_user("juliet@localhost", "r0m30");
    for arguments in [&["s2s", "list"][..], &["s2s", "test", "two.example"], &["s2s", "close", "two.example"]] {
        let run = server.run(arguments, "");
        assert!(!run.success && run.errors.contains("[s2s] enabled is false"), "{arguments:?}: {run:?}");
    }
    assert!(command(&server, &["status"]).contains("  server streams switched off\n"));
    let mut juliet = Client::online(&server, "juliet", "r0m30", "balcony");
    say(&mut juliet, "juliet@two.example", "?");
    assert_eq!(juliet.receive_message().attribute("type").unwrap(), "error");
}

/// What can't be tested is said before anything is tried.
#[test]
fn nothing_to_test() {
    let server = Server::start(PROGRAM, &configuration("one.example", ""));
    for (arguments, expected) in [
        (&["one.example"][..], "one.example is hosted here, and never sought elsewhere"),
        (&["two.example", "--from", "three.example"], "three.example is not hosted here"),
        (&["juliet@two.example"], "\"juliet@two.example\" is no domain"),
    ] {
        let run = server.run(&[&["s2s", "test"], arguments].concat(), "");
        assert!(!run.success && run.errors.contains(expected), "{arguments:?}: {run:?}");
    }
    assert_eq!(command(&server, &["s2s", "close", "two.example"]), "There are no streams to or from two.example.\n");
}
