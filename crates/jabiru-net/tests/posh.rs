//! Which certificates match published fingerprints (RFC 7711 §3.3, §6).
#![allow(clippy::unwrap_used, reason = "it is all test code")]

mod support;

use std::time::{Duration, SystemTime};

use jabiru_net::certificate::Problem;
use jabiru_net::certificate::posh::{Fingerprint, PoshProblem, verify_posh};
use rcgen::{KeyPair, date_time_ymd};
use sha2::{Digest, Sha256, Sha512};
use support::named;

#[test]
fn one_fingerprint_that_matches_is_enough_while_the_certificate_lives() {
    let mut params = named("whatever it says");
    (params.not_before, params.not_after) = (date_time_ymd(2025, 1, 1), date_time_ymd(2090, 1, 1));
    let own = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone();
    let sha256 = Fingerprint::new("sha-256", &Sha256::digest(&own)).unwrap();
    let sha512 = Fingerprint::new("sha-512", &Sha512::digest(&own)).unwrap();
    let other = Fingerprint::new("sha-256", &[0; 32]).unwrap();
    let now = SystemTime::now();

    for fingerprint in [sha256.clone(), sha512] {
        let proof = verify_posh(&[&own], &[other.clone(), fingerprint.clone()], now).unwrap();
        assert_eq!(proof.fingerprint, fingerprint);
        assert!(proof.not_after > now);
    }
    for fingerprints in [vec![], vec![other]] {
        let count = fingerprints.len();
        let problem = verify_posh(&[&own], &fingerprints, now).unwrap_err();
        assert_eq!(problem, PoshProblem::NoMatch { fingerprints: count });
    }

    let century = Duration::from_secs(100 * 365 * 86_400);
    let fingerprints = [sha256];
    let late = verify_posh(&[&own], &fingerprints, now + century).unwrap_err();
    assert!(matches!(late, PoshProblem::Certificate(Problem::Expired { .. })), "{late}");
    let early = verify_posh(&[&own], &fingerprints, SystemTime::UNIX_EPOCH).unwrap_err();
    assert!(matches!(early, PoshProblem::Certificate(Problem::NotYetValid { .. })), "{early}");
    let none: [&[u8]; 0] = [];
    assert!(verify_posh(&none, &fingerprints, now).is_err());
    assert!(verify_posh(&[b"no certificate"], &fingerprints, now).is_err());
}

#[test]
fn fingerprints_of_unknown_kinds_or_wrong_lengths_are_none() {
    for (hash, length) in [("sha-1", 20), ("SHA-256", 32), ("sha-256", 31), ("sha-256", 64), ("sha-512", 32)] {
        assert_eq!(Fingerprint::new(hash, &vec![0; length]), None, "{hash}, {length}");
    }
    assert_eq!(Fingerprint::new("sha-256", &[0xab; 32]).unwrap().to_string(), format!("sha-256:{}", "ab".repeat(32)));
}
