//! Answers: of others, to answers, and what they give away.

use super::*;

/// RFC 6120 §8.3: what another entity answers reaches who asked as it is, whatever the condition: also those that this
/// server has no reason of its own for, and those that nobody has defined yet.
#[test]
fn errors_of_others_are_relayed_as_they_are() {
    let conditions = "bad-request conflict feature-not-implemented forbidden gone internal-server-error item-not-found \
        jid-malformed not-acceptable not-allowed not-authorized policy-violation recipient-unavailable redirect \
        registration-required remote-server-not-found remote-server-timeout resource-constraint service-unavailable \
        subscription-required undefined-condition unexpected-request";
    let conditions: Vec<&str> = conditions.split_whitespace().collect();
    assert_eq!(conditions.len(), 22);
    for server in Server::each() {
        let [romeo, juliet] = ["romeo@im.example/orchard", "juliet@im.example/balcony"].map(|jid| server.login(jid));
        for condition in conditions.iter().copied().chain(["not-yet-defined"]) {
            for (kind, sent) in [("message", "<body>hi</body>"), ("presence", "<show>away</show>"), ("iq", "")] {
                let stanza = |from: &str| {
                    format!(
                        "<{kind} type='error' id='1' to='romeo@im.example/orchard'{from} xml:lang='de'>{sent}<error \
                         by='proxy.example' type='continue' code='999'><{condition} \
                         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:a@b</{condition}><text xml:lang='cs' \
                         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>Dvo\u{159}&#xed;m se</text><a:app \
                         xmlns:a='urn:app'><a:why a:x='1'/></a:app></error></{kind}>"
                    )
                };
                juliet.sends(&stanza(""));
                let [got] = &romeo.stream.take_written()[..] else { panic!("not one stanza for {condition}") };
                // Only `from` was added, behind what was there.
                let expected =
                    stanza("").replace(" xml:lang='de'>", " xml:lang='de' from='juliet@im.example/balcony'>");
                assert_eq!(*got, expected);
                let read = StanzaError::parse(&RawElement::parse(got, ns::CLIENT).unwrap()).unwrap();
                let known = if condition == "not-yet-defined" { "undefined-condition" } else { condition };
                assert_eq!((read.condition().name(), read.lang()), (known, Some("cs")));
                assert!(read.application().unwrap().is("app", "urn:app"));
            }
        }
        juliet.receives(&[]);
    }
}

/// RFC 6120 §8.2.3 rule 4 and §8.3.1 rule 8: nothing answers a response, wherever it is sent.
#[test]
fn responses_are_never_answered() {
    for server in Server::each() {
        let romeo = server.login("romeo@im.example/orchard");
        let gone = crate::Moved { uri: "xmpp:a@b".to_owned(), permanent: true };
        server.router.moved().set(&"moved@im.example".parse().unwrap(), gone);
        for to in [
            "",
            "to='romeo@im.example'",
            "to='romeo@im.example/none'",
            "to='nobody@im.example'",
            "to='nobody@im.example/none'",
            "to='moved@im.example'",
            "to='moved@im.example/none'",
            "to='im.example'",
            "to='im.example/none'",
            "to='elsewhere.example'",
            "to='juliet@elsewhere.example/balcony'",
        ] {
            for response in [
                "<message @ type='error' id='1'><error/></message>",
                "<presence @ type='error' id='1'><error/></presence>",
                "<iq @ type='error' id='1'><error/></iq>",
                "<iq @ type='result' id='1'/>",
                "<iq @ type='result' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
            ] {
                let xml = response.replace('@', to);
                romeo.sends(&xml);
                assert_eq!(romeo.stream.take_written(), <[String; 0]>::default(), "{xml}");
            }
        }
    }
}

/// RFC 6120 §13.10.2 and §13.11: what comes back says nothing about who is there: not to the octet, but for the address.
#[test]
fn answers_reveal_nobody() {
    for server in Server::each() {
        let romeo = server.login("romeo@im.example/orchard");
        let _connected = server.login("connected@im.example/balcony");
        server.login("negative@im.example/balcony").sends("<presence><priority>-1</priority></presence>");
        for xml in [
            "<message @/>",
            "<message @ type='chat'/>",
            "<message @ type='groupchat' id='1' xml:lang='de'><body/></message>",
            "<message @ type='headline'/>",
            "<presence @/>",
            "<presence @ type='unavailable'/>",
            "<presence @ type='subscribe'/>",
            "<presence @ type='probe'/>",
            "<iq @ type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
            "<iq @ type='set' id='1'><q xmlns='urn:q'/></iq>",
        ] {
            let answer = |account: &str, resource: &str| {
                let address = format!("{account}@im.example{resource}");
                romeo.sends(&xml.replace('@', &format!("to='{address}'")));
                let got = romeo.stream.take_written();
                got.into_iter().map(|got| got.replace(&address, "ADDRESS")).collect::<Vec<_>>()
            };
            for resource in ["", "/none"] {
                let expected = answer("nobody", resource);
                for account in ["connected", "negative"] {
                    assert_eq!(answer(account, resource), expected, "{xml} to {account}{resource}");
                }
                if xml.starts_with("<iq") {
                    assert_eq!(answer("nobody", ""), expected, "{xml} to a bare and a full JID");
                    assert_eq!(answer("connected", "/balcony"), expected, "{xml} to a full JID that is there");
                }
            }
        }
    }
}
