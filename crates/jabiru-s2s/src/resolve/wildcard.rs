//! Whether an answer may have come from a wildcard (RFC 4035 §5.3.4).
//!
//! `hickory-net` 0.26 demands an NSEC record that covers the wildcard, where there is one that has its very name, and so takes
//! most answers from wildcards in zones with NSEC for forged. (With NSEC3 it does not.) Addresses and TLSA records often
//! come from wildcards, so what it says of such answers is checked again here.

use hickory_resolver::proto::dnssec::rdata::{DNSSECRData, NSEC, RRSIG};
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

/// Whether a response has answers of which some were expanded from wildcards, and proves for each of these that the zone has
/// no name that is closer. That all signatures are good is not looked at here: what is not [secure] does not count.
///
/// [secure]: hickory_resolver::proto::dnssec::Proof::Secure
pub(super) fn is_proven(response: &Message) -> bool {
    if response.response_code != ResponseCode::NoError {
        return false;
    }
    let mut expanded = response.answers.iter().filter_map(Expanded::read).peekable();
    expanded.peek().is_some()
        && expanded.all(|expanded| response.authorities.iter().any(|nsec| expanded.is_denied_by(nsec)))
}

/// Records whose signature is that of a wildcard: it counts fewer labels than their name has (RFC 4034 §3.1.3).
struct Expanded<'a> {
    /// The name of which the zone must not have anything: one label longer than the wildcard's parent.
    next_closer: Name,
    signature: &'a RRSIG,
}

impl<'a> Expanded<'a> {
    fn read(record: &'a Record) -> Option<Expanded<'a>> {
        let RData::DNSSEC(DNSSECRData::RRSIG(signature)) = &record.data else { return None };
        let labels = signature.input().num_labels;
        let next_closer = || record.name.trim_to(usize::from(labels) + 1);
        (labels < record.name.num_labels()).then(|| Expanded { next_closer: next_closer(), signature })
    }

    /// Whether this record of the same zone proves that there is neither the next closer name nor anything below it.
    fn is_denied_by(&self, record: &Record) -> bool {
        let RData::DNSSEC(DNSSECRData::NSEC(nsec)) = &record.data else { return false };
        let (zone, owner, next) = (&self.signature.input().signer_name, &record.name, nsec.next_domain_name());
        let is_of_zone = zone.zone_of(owner) && zone.zone_of(next);
        // The last record of a zone leads back to its beginning.
        let is_between = *owner < self.next_closer && (self.next_closer < *next || (next <= owner && next == zone));
        let exists_below = self.next_closer.zone_of(next);
        record.proof.is_secure() && is_of_zone && is_between && !exists_below && !self.is_beyond(owner, nsec)
    }

    /// RFC 6840 §4.1: what hands names below itself to somebody else says nothing about them.
    fn is_beyond(&self, owner: &Name, nsec: &NSEC) -> bool {
        let types = nsec.type_set();
        let is_delegation = types.contains(RecordType::NS) && !types.contains(RecordType::SOA);
        owner.zone_of(&self.next_closer) && (is_delegation || types.contains(RecordType::from(DNAME)))
    }
}

/// RFC 6672 §3
const DNAME: u16 = 39;

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::dnssec::rdata::sig::SigInput;
    use hickory_resolver::proto::dnssec::{Algorithm, Proof};
    use hickory_resolver::proto::op::OpCode;
    use hickory_resolver::proto::rr::SerialNumber;
    use hickory_resolver::proto::rr::rdata::A;

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    /// An answer for `owner` whose signature by `zone.test.` counts so many labels.
    fn answer(owner: &str, labels: u8) -> Message {
        let input = SigInput {
            type_covered: RecordType::A,
            algorithm: Algorithm::ED25519,
            num_labels: labels,
            original_ttl: 60,
            sig_expiration: SerialNumber::new(2),
            sig_inception: SerialNumber::new(1),
            key_tag: 1,
            signer_name: name("zone.test."),
        };
        let signature = RData::DNSSEC(DNSSECRData::RRSIG(RRSIG::from_sig(input, Vec::new())));
        let mut message = Message::response(0, OpCode::Query);
        message.add_answer(Record::from_rdata(name(owner), 60, RData::A(A::new(127, 0, 0, 1))));
        message.add_answer(Record::from_rdata(name(owner), 60, signature));
        message
    }

    fn nsec(owner: &str, next: &str, types: &[RecordType]) -> Record {
        let nsec = NSEC::new_cover_self(name(next), types.iter().copied());
        let mut record = Record::from_rdata(name(owner), 60, RData::DNSSEC(DNSSECRData::NSEC(nsec)));
        record.proof = Proof::Secure;
        record
    }

    /// An answer for `x.b.a.zone.test.` from `*.a.zone.test.`, for which there must be no `b.a.zone.test.`
    #[test]
    fn which_records_prove_that_nothing_is_closer() {
        use RecordType::{A, NS, SOA};
        let dname = RecordType::from(DNAME);
        for (owner, next, types, expected) in [
            ("*.a.zone.test.", "c.a.zone.test.", &[A][..], true),
            ("*.a.zone.test.", "zone.test.", &[A], true),
            ("a.a.zone.test.", "c.zone.test.", &[A], true),
            ("a.zone.test.", "c.zone.test.", &[NS, SOA], true),
            // The name itself, other places, the first and the last record of the zone.
            ("b.a.zone.test.", "c.a.zone.test.", &[A], false),
            ("a.a.zone.test.", "b.a.zone.test.", &[A], false),
            ("c.a.zone.test.", "d.a.zone.test.", &[A], false),
            ("c.a.zone.test.", "zone.test.", &[A], false),
            ("*.a.zone.test.", "a.a.zone.test.", &[A], false),
            // A circle that does not end at the beginning of the zone.
            ("a.a.zone.test.", "a.zone.test.", &[A], false),
            // It exists, for something below it does.
            ("a.a.zone.test.", "x.b.a.zone.test.", &[A], false),
            ("a.a.zone.test.", "y.b.a.zone.test.", &[A], false),
            // Another zone.
            ("test.", "zzz.test.", &[A], false),
            ("a.zone.test.", "zzz.test.", &[A], false),
            // Names below are somebody else's.
            ("a.zone.test.", "c.zone.test.", &[NS], false),
            ("a.zone.test.", "c.zone.test.", &[dname], false),
        ] {
            let mut response = answer("x.b.a.zone.test.", 3);
            response.add_authority(nsec(owner, next, types));
            assert_eq!(is_proven(&response), expected, "{owner} {next} {types:?}");
            response.authorities[0].proof = Proof::Bogus;
            assert!(!is_proven(&response), "{owner} {next}");
        }
    }

    #[test]
    fn only_answers_from_wildcards_are_of_interest() {
        let proof = || nsec("*.a.zone.test.", "c.a.zone.test.", &[RecordType::A]);
        let mut plain = answer("x.b.a.zone.test.", 5);
        plain.add_authority(proof());
        assert!(!is_proven(&plain));

        let mut failed = answer("x.b.a.zone.test.", 3);
        failed.add_authority(proof());
        assert!(is_proven(&failed));
        failed.metadata.response_code = ResponseCode::NXDomain;
        assert!(!is_proven(&failed));

        // Each of several has to be proven, such as an alias and what it leads to.
        let mut two = answer("x.b.a.zone.test.", 3);
        two.add_authority(proof());
        two.add_answers(answer("x.e.zone.test.", 2).answers);
        assert!(!is_proven(&two));
        two.add_authority(nsec("d.zone.test.", "zone.test.", &[RecordType::A]));
        assert!(is_proven(&two));
        assert!(!is_proven(&Message::response(0, OpCode::Query)));
    }
}
