//! XEP-0220 §2.2.1: the subject as receiving server, when it answers a key.

use super::{KEY, answers, is_not_heard, is_not_valid, is_valid, message, proven, sends_key, without_certificate};
use crate::case;
use crate::case::{Case, Need};
use crate::client::{Item, Next};
use crate::ns;
use crate::subject::Subject;

pub(super) const CASES: &[Case] = &[
    case!(Must, valid_key_proves_a_server, ["8.1.2.2", "13.5"], needs[Need::Servers]),
    case!(
        Must,
        valid_key_proves_one_domain_alone,
        ["8.1.2.2", "13.5", "stanza-attribute-from-validate"],
        needs[Need::Servers]
    ),
    case!(Must, invalid_key_proves_nothing, ["8.1.2.2", "13.5"], needs[Need::Servers]),
    case!(Must, stream_with_an_invalid_key_is_closed, ["13.5", "8.1.2.2"], needs[Need::Servers]),
    case!(Should, invalid_key_is_called_invalid, ["8.1.2.2", "13.5"], needs[Need::Servers]),
    case!(Must, error_of_the_authoritative_server_proves_nothing, ["8.1.2.2", "13.5"], needs[Need::Servers]),
    case!(Must, key_proves_nothing_before_it_is_verified, ["8.1.2.2", "13.5", "4.3.5"], needs[Need::Servers]),
    case!(Must, result_that_the_server_gives_itself_proves_nothing, ["8.1.2.2", "13.5"], needs[Need::Servers]),
    case!(Must, key_for_a_domain_that_is_not_hosted_is_an_error, ["8.1.1.2", "13.5"], needs[Need::Servers]),
    case!(Must, key_for_the_own_domain_proves_nothing, ["8.1.2.2", "13.5"], needs[Need::Servers]),
    case!(Should, one_stream_may_prove_several_domains, ["8.1.2.2", "13.5"], needs[Need::Servers]),
    case!(Should, one_stream_may_reach_several_domains, ["8.1.1.2", "13.5"], needs[Need::Servers, Need::SecondDomain]),
];

/// XEP-0220 §2.2.1: after the authoritative server has called the key valid, the initiating server is told so, and its
/// stanzas are accepted.
fn valid_key_proves_a_server(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let mut verona = subject.server("verona");
    let mut stream = without_certificate(&verona);
    let request = sends_key(&mut stream, &mut verona);
    answers(&mut verona, &request, "valid");
    let result = stream.receives_any();
    assert!(result.is("result", ns::DIALBACK), "{result}");
    for (name, value) in [("from", subject.domain()), ("to", verona.domain()), ("type", "valid")] {
        assert_eq!(result.attribute(name), Some(value), "{result}");
    }
    stream.sends(message("$verona", "a"));
    romeo.receives(message("$verona", "a"));
}

/// RFC 6120 §8.1.2.2: the stream is then good for stanzas of that domain, and for no other's.
fn valid_key_proves_one_domain_alone(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    let _mantua = subject.server("mantua");
    for domain in ["$mantua", "sub.$verona", "example", "$domain"] {
        let mut verona = subject.server("verona");
        let mut stream = proven(&mut verona);
        is_not_heard(subject, &mut stream, domain, &mut romeo, &mut nurse);
    }
}

/// XEP-0220 §2.2.1: stanzas of a domain whose key is invalid are not accepted.
fn invalid_key_proves_nothing(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    let mut verona = subject.server("verona");
    let mut stream = without_certificate(&verona);
    let request = sends_key(&mut stream, &mut verona);
    answers(&mut verona, &request, "invalid");
    is_not_valid(&mut stream);
    is_not_heard(subject, &mut stream, "$verona", &mut romeo, &mut nurse);
}

/// XEP-0220 §2.2.1: the result should be of type `invalid`.
fn invalid_key_is_called_invalid(subject: &Subject) {
    let mut verona = subject.server("verona");
    let mut stream = without_certificate(&verona);
    let request = sends_key(&mut stream, &mut verona);
    answers(&mut verona, &request, "invalid");
    assert_eq!(is_not_valid(&mut stream), "invalid");
}

/// XEP-0220 §2.2.1: a stream that has proved nothing else is closed after an invalid key.
fn stream_with_an_invalid_key_is_closed(subject: &Subject) {
    let mut verona = subject.server("verona");
    let mut stream = without_certificate(&verona);
    let request = sends_key(&mut stream, &mut verona);
    answers(&mut verona, &request, "invalid");
    if is_not_valid(&mut stream) != "invalid" {
        return;
    }
    match stream.receives_next() {
        Next::Item(Item::Element(error)) => assert!(error.is("error", ns::STREAM), "{error}"),
        Next::Item(Item::Close) | Next::End(_) => {}
        other => panic!("the end of the stream was due: {other:?}"),
    }
}

/// XEP-0220 §2.1.2, §2.5: an error is no proof either.
fn error_of_the_authoritative_server_proves_nothing(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    for kind in ["error", "Valid", "", "true"] {
        let mut verona = subject.server("verona");
        let mut stream = without_certificate(&verona);
        let request = sends_key(&mut stream, &mut verona);
        answers(&mut verona, &request, kind);
        is_not_heard(subject, &mut stream, "$verona", &mut romeo, &mut nurse);
    }
}

/// XEP-0220 §2.2.1: before the result, no stanza of the domain is accepted.
fn key_proves_nothing_before_it_is_verified(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    let mut verona = subject.server("verona");
    let mut stream = without_certificate(&verona);
    let _request = sends_key(&mut stream, &mut verona);
    is_not_heard(subject, &mut stream, "$verona", &mut romeo, &mut nurse);
}

/// XEP-0220 §2.2: `<db:result/>` and `<db:verify/>` with a type have no place on an inbound stream: nobody proves himself by
/// saying so.
fn result_that_the_server_gives_itself_proves_nothing(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    let verona = subject.server("verona");
    for claim in [
        "<db:result from='$verona' to='$domain' type='valid'/>",
        "<db:result from='$domain' to='$verona' type='valid'/>",
        "<db:verify from='$verona' to='$domain' id='1' type='valid'/>",
        "<db:verify from='$domain' to='$verona' id='1' type='valid'/>",
    ] {
        let mut stream = without_certificate(&verona);
        stream.sends(claim);
        is_not_heard(subject, &mut stream, "$verona", &mut romeo, &mut nurse);
    }
}

/// XEP-0220 §2.2.1: a key for a domain that is not hosted is an error (`item-not-found`) that does not end the stream.
fn key_for_a_domain_that_is_not_hosted_is_an_error(subject: &Subject) {
    let mut verona = subject.server("verona");
    let mut stream = without_certificate(&verona);
    stream.sends(format!("<db:result from='$verona' to='$remote'>{KEY}</db:result>"));
    let result = stream.receives_any();
    assert!(result.is("result", ns::DIALBACK), "a dialback error was due: {result}");
    for (name, value) in [("from", "remote.invalid"), ("to", verona.domain()), ("type", "error")] {
        assert_eq!(result.attribute(name), Some(value), "{result}");
    }
    let request = sends_key(&mut stream, &mut verona);
    answers(&mut verona, &request, "valid");
    is_valid(&mut stream, &verona);
}

/// XEP-0220 §2.2.1: nobody proves himself to be the subject.
fn key_for_the_own_domain_proves_nothing(subject: &Subject) {
    let [mut romeo, mut nurse] = subject.login(["romeo/orchard", "nurse/house"]);
    let verona = subject.server("verona");
    let mut stream = without_certificate(&verona);
    stream.sends(format!("<db:result from='$domain' to='$domain'>{KEY}</db:result>"));
    is_not_heard(subject, &mut stream, "$domain", &mut romeo, &mut nurse);
}

/// XEP-0220 §2.2.1: further keys on the same stream prove further domains, and what was proven stays so.
fn one_stream_may_prove_several_domains(subject: &Subject) {
    let [mut romeo] = subject.login(["romeo/orchard"]);
    let (mut verona, mut mantua) = (subject.server("verona"), subject.server("mantua"));
    let mut stream = proven(&mut verona);
    let request = sends_key(&mut stream, &mut mantua);
    stream.sends(message("$verona", "a"));
    romeo.receives(message("$verona", "a"));
    answers(&mut mantua, &request, "valid");
    is_valid(&mut stream, &mantua);
    for domain in ["$mantua", "$verona"] {
        stream.sends(message(domain, "b"));
        romeo.receives(message(domain, "b"));
    }
}

/// XEP-0220 §2.2.1: a key for another domain of the receiving server's is verified in that domain's name.
fn one_stream_may_reach_several_domains(subject: &Subject) {
    let mut verona = subject.server("verona");
    let mut stream = proven(&mut verona);
    stream.sends(format!("<db:result from='$verona' to='$other'>{KEY}</db:result>"));
    let request = verona.receives_with_stream();
    assert_eq!(request.1.attribute("from"), Some(subject.expand("$other").as_str()), "{}", request.1);
    answers(&mut verona, &request, "valid");
    let result = stream.receives_any();
    assert_eq!(result.attribute("type"), Some("valid"), "{result}");
    assert_eq!(result.attribute("from"), Some(subject.expand("$other").as_str()), "{result}");
}
