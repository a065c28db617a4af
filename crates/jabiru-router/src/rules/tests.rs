//! The rules row by row.

use std::sync::Arc;

use jabiru_stanza::{ContentNamespace, FullJid, RawElement, ns};

use super::*;
use crate::battery::Recorder;
use crate::{Presence, Resource};

use Recipients::{Available, MostAvailable, NonNegative};

const BOUNCE: Verdict = Verdict::Bounce(Condition::ServiceUnavailable);
const IGNORE: Verdict = Verdict::Ignore;

fn deliver(recipients: Recipients) -> Verdict {
    Verdict::Deliver(recipients)
}

fn stanza(from: &str, xml: &str) -> Stanza {
    let raw = RawElement::parse(xml, ns::CLIENT).unwrap();
    let mut stanza = Stanza::parse(raw, ContentNamespace::Client).unwrap();
    stanza.set_from(Jid::new(from).unwrap());
    stanza
}

/// Juliet's resources: `(resourcepart, priority)`, with the ids 1, 2, 3, …
fn resources(all: &[(&str, Option<i8>)]) -> Snapshot {
    let resource = |(n, (part, priority)): (usize, &(&str, Option<i8>))| Resource {
        jid: Arc::new(FullJid::new(&format!("juliet@im.example/{part}")).unwrap()),
        id: ResourceId(n as u64 + 1),
        presence: priority
            .map(|priority| Presence { priority, stanza: Arc::new(stanza("juliet@im.example/a", "<presence/>")) }),
        sink: Arc::new(Recorder::new()),
    };
    Snapshot::new(all.iter().enumerate().map(resource))
}

/// The verdict on a stanza from Romeo, `@` in which stands for `to='…'`.
fn verdict(resources: &Snapshot, to: &str, xml: &str) -> Verdict {
    verdict_from(resources, "romeo@im.example/orchard", to, xml)
}

fn verdict_from(resources: &Snapshot, from: &str, to: &str, xml: &str) -> Verdict {
    let domains: HostedDomains = ["im.example", "im2.example"].iter().map(|domain| domain.parse().unwrap()).collect();
    let to = if to.is_empty() { String::new() } else { format!("to='{to}'") };
    let stanza = stanza(from, &xml.replace('@', &to));
    decide(&stanza, destination(&stanza, &domains), resources)
}

const MESSAGES: [&str; 5] = [
    "<message @/>",
    "<message @ type='chat'/>",
    "<message @ type='groupchat'/>",
    "<message @ type='headline'/>",
    "<message @ type='error'><error/></message>",
];

const PRESENCES: [&str; 8] = [
    "<presence @/>",
    "<presence @ type='unavailable'/>",
    "<presence @ type='subscribe'/>",
    "<presence @ type='subscribed'/>",
    "<presence @ type='unsubscribe'/>",
    "<presence @ type='unsubscribed'/>",
    "<presence @ type='probe'/>",
    "<presence @ type='error'><error/></presence>",
];

const IQS: [&str; 4] = [
    "<iq @ id='1' type='get'><q xmlns='urn:q'/></iq>",
    "<iq @ id='1' type='set'><q xmlns='urn:q'/></iq>",
    "<iq @ id='1' type='result'/>",
    "<iq @ id='1' type='error'><error/></iq>",
];

const BARE: &str = "juliet@im.example";
const MATCH: &str = "juliet@im.example/a";
const NO_MATCH: &str = "juliet@im.example/none";

/// RFC 6121 §8.5.4, Table 1, and the column for type `error` from §8.5.2 and §8.5.3. An account that
/// does not exist is one without resources here, so its rows are those of "no active resources".
#[test]
fn table_1_of_message_delivery() {
    let to_a = || deliver(Recipients::Resource(ResourceId(1)));
    let everything_to_a = || [to_a(), to_a(), to_a(), to_a(), to_a()];
    let nobody = [BOUNCE, BOUNCE, BOUNCE, IGNORE, IGNORE];
    let somebody = [deliver(MostAvailable), deliver(MostAvailable), BOUNCE, deliver(NonNegative), IGNORE];
    let no_match = [BOUNCE, BOUNCE, BOUNCE, BOUNCE, IGNORE];
    let no_match_but_chat = [BOUNCE, deliver(MostAvailable), BOUNCE, BOUNCE, IGNORE];
    for (condition, resources, to, expected) in [
        ("no resources", &[][..], BARE, nobody.clone()),
        ("no resources", &[], NO_MATCH, no_match.clone()),
        ("connected only", &[("a", None)], BARE, nobody.clone()),
        ("connected only", &[("a", None)], MATCH, everything_to_a()),
        ("connected only", &[("a", None)], NO_MATCH, no_match.clone()),
        ("negative only", &[("a", Some(-1)), ("b", Some(-128))], BARE, nobody),
        ("negative only", &[("a", Some(-1)), ("b", Some(-128))], MATCH, everything_to_a()),
        ("negative only", &[("a", Some(-1)), ("b", Some(-128))], NO_MATCH, no_match),
        ("one non-negative", &[("a", Some(0))], BARE, somebody.clone()),
        ("one non-negative", &[("a", Some(0))], MATCH, everything_to_a()),
        ("one non-negative", &[("a", Some(0))], NO_MATCH, no_match_but_chat.clone()),
        ("several non-negative", &[("a", Some(0)), ("b", Some(5))], BARE, somebody),
        ("several non-negative", &[("a", Some(0)), ("b", Some(5))], MATCH, everything_to_a()),
        ("several non-negative", &[("a", Some(0)), ("b", Some(5))], NO_MATCH, no_match_but_chat),
    ] {
        let resources = self::resources(resources);
        for (xml, expected) in MESSAGES.into_iter().zip(expected) {
            assert_eq!(verdict(&resources, to, xml), expected, "{condition}: {xml} to {to}");
        }
    }
}

/// RFC 6121 §8.5.2.1.1: who is "most available", and that a negative priority never gets anything.
#[test]
fn recipients() {
    let resources =
        resources(&[("a", Some(5)), ("b", Some(-1)), ("c", None), ("d", Some(5)), ("e", Some(0)), ("f", Some(4))]);
    let parts = |recipients| {
        resources.select(recipients).map(|resource| resource.jid.resource().as_str().to_owned()).collect::<String>()
    };
    assert_eq!(parts(MostAvailable), "ad");
    assert_eq!(parts(NonNegative), "adef");
    assert_eq!(parts(Available), "abdef");
    assert_eq!(parts(Recipients::Resource(ResourceId(3))), "c");
    assert_eq!(parts(Recipients::Resource(ResourceId(9))), "");
    let negative = self::resources(&[("a", Some(-1)), ("b", None)]);
    assert_eq!(negative.highest_priority(), None);
    assert_eq!(negative.select(MostAvailable).count() + negative.select(NonNegative).count(), 0);
}

/// RFC 6121 §8.5.2.1.2, §8.5.2.2.2, §8.5.3.1 and §8.5.3.2.2.
#[test]
fn presence_to_accounts() {
    let to_a = || deliver(Recipients::Resource(ResourceId(1)));
    let roster = || Verdict::Roster;
    let silent = [IGNORE, IGNORE, roster(), roster(), roster(), roster(), roster(), IGNORE];
    for (condition, resources, to, expected) in [
        ("no resources", &[][..], BARE, silent.clone()),
        ("connected only", &[("a", None)], BARE, silent),
        (
            "negative",
            &[("a", Some(-1))],
            BARE,
            [
                deliver(Available),
                deliver(Available),
                roster(),
                roster(),
                roster(),
                roster(),
                roster(),
                deliver(Available),
            ],
        ),
        (
            "connected only",
            &[("a", None)],
            MATCH,
            [to_a(), to_a(), roster(), roster(), roster(), roster(), roster(), to_a()],
        ),
        (
            "available",
            &[("a", Some(1))],
            NO_MATCH,
            [IGNORE, IGNORE, roster(), IGNORE, IGNORE, IGNORE, roster(), IGNORE],
        ),
        ("no resources", &[], NO_MATCH, [IGNORE, IGNORE, roster(), IGNORE, IGNORE, IGNORE, roster(), IGNORE]),
    ] {
        let resources = self::resources(resources);
        for (xml, expected) in PRESENCES.into_iter().zip(expected) {
            assert_eq!(verdict(&resources, to, xml), expected, "{condition}: {xml} to {to}");
        }
    }
}

/// RFC 6121 §8.5.2.1.3, §8.5.3.1 and §8.5.3.2.3, RFC 6120 §10.3.3: requests to a bare JID are the
/// server's, those to a full JID pass within an account and to who shares presence, responses always do.
#[test]
fn iqs_to_accounts() {
    let to_a = || deliver(Recipients::Resource(ResourceId(1)));
    let ask = || Verdict::Ask(ResourceId(1));
    let own = || Verdict::Answer(Target::OwnAccount);
    let other = || Verdict::Answer(Target::OtherAccount);
    for (from, to, expected) in [
        ("romeo@im.example/x", BARE, [other(), other(), IGNORE, IGNORE]),
        ("juliet@im.example/b", BARE, [own(), own(), IGNORE, IGNORE]),
        ("juliet@im.example/b", "", [own(), own(), IGNORE, IGNORE]),
        ("romeo@im.example/x", MATCH, [ask(), ask(), to_a(), to_a()]),
        ("juliet@im.example.org/b", MATCH, [ask(), ask(), to_a(), to_a()]),
        ("im.example", MATCH, [ask(), ask(), to_a(), to_a()]),
        ("juliet@im.example/b", MATCH, [to_a(), to_a(), to_a(), to_a()]),
        ("juliet@im.example/a", MATCH, [to_a(), to_a(), to_a(), to_a()]),
        ("romeo@im.example/x", NO_MATCH, [BOUNCE, BOUNCE, IGNORE, IGNORE]),
        ("juliet@im.example/b", NO_MATCH, [BOUNCE, BOUNCE, IGNORE, IGNORE]),
    ] {
        for resources in [resources(&[("a", Some(1)), ("b", None)]), resources(&[("a", None)])] {
            for (xml, expected) in IQS.into_iter().zip(expected.clone()) {
                assert_eq!(verdict_from(&resources, from, to, xml), expected, "{xml} from {from} to {to}");
            }
        }
    }
}

/// RFC 6120 §10.3: without `to`.
#[test]
fn without_to() {
    let resources = resources(&[("a", Some(1))]);
    for (xml, expected) in [
        ("<message/>", deliver(MostAvailable)),
        ("<message type='groupchat'/>", BOUNCE),
        ("<presence/>", Verdict::Broadcast),
        ("<presence type='unavailable'/>", Verdict::Broadcast),
    ] {
        assert_eq!(verdict_from(&resources, "juliet@im.example/a", "", xml), expected, "{xml}");
    }
}

/// RFC 6120 §10.5.1 and §10.5.2: the server itself, on each of its domains.
#[test]
fn to_the_server() {
    let answer = || Verdict::Answer(Target::Server);
    for (to, iqs) in [
        ("im.example", [answer(), answer(), IGNORE, IGNORE]),
        ("im2.example", [answer(), answer(), IGNORE, IGNORE]),
        ("im.example/room", [BOUNCE, BOUNCE, IGNORE, IGNORE]),
    ] {
        let messages = [BOUNCE, BOUNCE, BOUNCE, BOUNCE, IGNORE];
        let presences = [IGNORE, IGNORE, BOUNCE, IGNORE, IGNORE, IGNORE, IGNORE, IGNORE];
        let all = MESSAGES.into_iter().zip(messages).chain(PRESENCES.into_iter().zip(presences));
        for (xml, expected) in all.chain(IQS.into_iter().zip(iqs)) {
            assert_eq!(verdict(&Snapshot::EMPTY, to, xml), expected, "{xml} to {to}");
        }
    }
}

/// RFC 6120 §10.4: domains that look like ours are not ours.
#[test]
fn to_other_domains() {
    for to in ["example", "xim.example", "im.example.org/im.example", "juliet@chat.im.example", "juliet@example.org/a"]
    {
        for xml in MESSAGES.iter().chain(&PRESENCES).chain(&IQS) {
            assert_eq!(verdict(&Snapshot::EMPTY, to, xml), Verdict::Remote, "{xml} to {to}");
        }
    }
}
