//! Whatever is sent, the machines of server streams neither panic nor believe what nobody proved, and keys stay inside.

mod server_support;

use jabiru_negotiation::{CertificateAnswer, KeyAnswer, KeyToVerify, Security, dialback};
use jabiru_stanza::Condition;

use server_support::{
    BIDI, BIDI_FEATURE, CAPULET, DIALBACK, EXTERNAL, Initiator, Keys, MESSAGE, MONTAGUE, ROOMS, Receiver, STARTTLS,
    SUCCESS, answer, auth, header, key, montague, pair, secret, tls, usual,
};

/// Numbers that look random and are the same each time (xorshift of Marsaglia).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn typed(name: &str, from: &str, to: &str, rest: &str) -> String {
    format!("<db:{name} from='{from}' to='{to}' {rest}/>")
}

/// Good dialogues with one octet replaced, left out or doubled: nobody but capulet gets in, and it by its certificate or
/// by a key that its authoritative server knows.
#[test]
fn damaged_dialogues() {
    for (name, external) in [("EXTERNAL", true), ("dialback", false)] {
        let arrange = || {
            let mut receiver = Receiver::direct();
            if !external {
                receiver.judgement = Some(CertificateAnswer::Refused { text: "unknown".to_owned() });
            }
            receiver
        };
        // The key depends on the id, which is drawn anew for each stream.
        let dialogue = |receiver: &Receiver| match external {
            true => format!("{}{}{MESSAGE}", auth(CAPULET), usual()),
            false => {
                let shown = dialback::key(&secret(CAPULET), MONTAGUE, CAPULET, receiver.machine.id());
                format!("{BIDI}{}{MESSAGE}", key(CAPULET, MONTAGUE, &shown))
            }
        };
        let length = {
            let mut receiver = arrange();
            receiver.hears(&usual());
            dialogue(&receiver).len()
        };
        let mut proven = 0;
        for at in 0..length {
            for replacement in [&b""[..], b"<", b">", b"'", b"&", b" ", b"\0", b"\xFF", b"=", b"/", b"x"] {
                let mut receiver = arrange();
                receiver.hears(&usual());
                let said = dialogue(&receiver);
                let octets = said.as_bytes();
                let damaged = [&octets[..at], replacement, &octets[at + 1..]].concat();
                receiver.receives(&damaged);
                for (found, _) in receiver.machine.proven_pairs() {
                    assert_eq!(*found, pair(CAPULET, MONTAGUE), "{name}: {}", damaged.escape_ascii());
                    proven += 1;
                }
            }
        }
        assert!(proven > 0, "a space more does no harm");
    }
}

/// Long random dialogues with a receiving end whose caller never confirms anything: nothing gets proven by them, no element
/// gets through, and all that is said is well-formed.
#[test]
fn nothing_is_proven_by_talking() {
    let vocabulary = [
        usual(),
        header("to='montague.example'"),
        header("from='verona.example' to='montague.example'"),
        auth(""),
        auth(CAPULET),
        auth("verona.example"),
        "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".to_owned(),
        SUCCESS.to_owned(),
        key(CAPULET, MONTAGUE, "k"),
        key("verona.example", ROOMS, "k"),
        key(CAPULET, "verona.example", "k"),
        typed("result", CAPULET, MONTAGUE, "type='valid'"),
        typed("verify", CAPULET, MONTAGUE, "id='ID' type='valid'"),
        "<db:verify from='capulet.example' to='montague.example' id='1'>k</db:verify>".to_owned(),
        BIDI.to_owned(),
        STARTTLS.to_owned(),
        MESSAGE.to_owned(),
        "<enable xmlns='urn:xmpp:sm:3'/>".to_owned(),
    ];
    let mut draw = Draw(0x9E37_79B9_7F4A_7C15);
    let answers = [
        None,
        Some(KeyAnswer::Invalid),
        Some(Condition::RemoteServerTimeout.into()),
        Some(Condition::Forbidden.into()),
    ];
    for round in 0..20_000 {
        let mut rules = montague();
        rules.require_tls = draw.below(2) == 0;
        let security = if draw.below(2) == 0 { Security::Plaintext } else { Security::Tls(tls()) };
        let mut receiver = Receiver::new(rules, security);
        receiver.judgement = Some(CertificateAnswer::Refused { text: "no".to_owned() });
        receiver.keys = match answers[draw.below(answers.len())].clone() {
            None => Keys::Wait,
            Some(answer) => Keys::Answer(answer),
        };
        let mut dialogue = usual();
        receiver.hears(&dialogue);
        for _ in 0..draw.below(12) {
            let said = vocabulary[draw.below(vocabulary.len())].replace("ID", receiver.machine.id());
            receiver.hears(&said);
            dialogue += &said;
            if receiver.closed {
                assert_eq!(receiver.hears(MESSAGE), "", "{round}: {dialogue}");
            }
        }
        assert!(receiver.machine.proven_pairs().is_empty(), "{round}: {dialogue}");
        assert!(!receiver.log.iter().any(|line| line.starts_with("element")), "{round}: {dialogue}");
    }
}

/// The same for the initiating end: nothing is accepted but by the answer to what was asked, and nothing comes through
/// before that.
#[test]
fn nothing_is_accepted_unasked() {
    let valid = typed("result", MONTAGUE, CAPULET, "type='valid'");
    let vocabulary = [
        answer(&format!("{EXTERNAL}{BIDI_FEATURE}")),
        answer(DIALBACK),
        answer(STARTTLS),
        format!("<stream:features>{DIALBACK}{BIDI_FEATURE}</stream:features>"),
        "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>".to_owned(),
        SUCCESS.to_owned(),
        "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>".to_owned(),
        valid.clone(),
        typed("result", ROOMS, CAPULET, "type='valid'"),
        typed("result", CAPULET, MONTAGUE, "type='valid'"),
        typed("verify", MONTAGUE, CAPULET, "id='s1' type='valid'"),
        key(MONTAGUE, CAPULET, "k"),
        key(ROOMS, CAPULET, "k"),
        "<message/>".to_owned(),
        "<r xmlns='urn:xmpp:sm:3'/>".to_owned(),
    ];
    let mut draw = Draw(0xD1B5_4A32_D192_ED03);
    let mut established = 0;
    for round in 0..20_000 {
        let security = if draw.below(2) == 0 { Security::Plaintext } else { Security::Tls(tls()) };
        let mut initiator = Initiator::new(server_support::capulet(), security);
        let mut said_by_us = initiator.says();
        let mut dialogue = String::new();
        for _ in 0..draw.below(12) {
            let heard = &vocabulary[draw.below(vocabulary.len())];
            let before = initiator.machine.accepted_pairs().len();
            said_by_us += &initiator.hears(heard);
            dialogue += heard;
            for (accepted, _) in &initiator.machine.accepted_pairs()[before..] {
                assert_eq!(*accepted, pair(CAPULET, MONTAGUE), "{round}: {dialogue}");
                let by_external = *heard == SUCCESS && said_by_us.contains("<auth ");
                let by_dialback = *heard == valid && said_by_us.contains("<db:result from='capulet.example'");
                assert!(by_external || by_dialback, "{round}: {dialogue}");
                established += 1;
            }
            let open = initiator.log.iter().any(|line| line.starts_with("established"));
            let through = initiator.log.iter().any(|line| line.starts_with("element"));
            assert!(open || !through, "{round}: {dialogue}");
            assert!(!initiator.is_proven(ROOMS, CAPULET) && !initiator.is_proven(CAPULET, MONTAGUE));
        }
    }
    assert!(established > 100, "{established}");
}

/// Whoever has a key may claim the stream, and whoever has the secret any: neither is in what goes to logs.
#[test]
fn debug_shows_no_key() {
    let claim = KeyToVerify { pair: pair(CAPULET, MONTAGUE), stream_id: "x".into(), key: "the-key".into() };
    let mut receiver = Receiver::direct();
    receiver.keys = Keys::Wait;
    receiver.hears(&usual());
    receiver.hears(&key(CAPULET, MONTAGUE, "the-key"));
    let mut initiator = Initiator::direct();
    initiator.machine.verify_key(claim.clone(), initiator.now);
    let rules = (montague(), server_support::capulet());
    for shown in [
        format!("{:?}", receiver.machine),
        format!("{:?}", receiver.asked),
        format!("{:?}", initiator.machine),
        format!("{claim:?}"),
        format!("{rules:?}"),
    ] {
        assert!(!shown.contains("the-key") && !shown.contains("hashed"), "{shown}");
    }
}
