//! The validity of the server's own certificates: told in time, and, where the operator wants it, the
//! reason to begin streams anew (RFC 6120 §4.9.3.16, §13.7.2.3).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jabiru_net::certificate::Certificate as Parsed;
use jabiru_stanza::DomainPart;
use serde::{Deserialize, Serialize};

use crate::assemble::Certificate;
use crate::operations::Operations;

/// The last moment of a certificate, in seconds since 1970 (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NotAfter(i64);

impl NotAfter {
    /// Reads it from a certificate in DER; `None` if that can't be read.
    pub(crate) fn of(certificate: &[u8]) -> Option<NotAfter> {
        Some(NotAfter(since_1970(Parsed::parse(certificate).ok()?.not_after())))
    }

    /// Seconds that are left at a moment; none or less once it has expired.
    pub(crate) fn seconds_left(self, now: SystemTime) -> i64 {
        self.0.saturating_sub(since_1970(now))
    }
}

fn since_1970(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
    }
}

/// As RFC 3339 writes it, for example `2026-11-23T02:41:14Z`.
impl fmt::Display for NotAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, seconds) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Year, month and day of the Gregorian calendar for a number of days since 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    // Counted in eras of 400 years, and years that begin in March, so that the leap day is the last.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// How long a certificate is still good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validity {
    /// Longer than the configured time.
    Good,
    /// Less than that.
    ExpiresSoon,
    /// No more.
    Expired,
}

impl Validity {
    /// What this number of seconds means where the operator wants to know `warn` before the end.
    pub(crate) fn of(seconds_left: i64, warn: Duration) -> Validity {
        match seconds_left {
            ..=0 => Validity::Expired,
            left if left.unsigned_abs() <= warn.as_secs() => Validity::ExpiresSoon,
            _ => Validity::Good,
        }
    }
}

/// Looks after the certificates until dropped: warns once a day of those that expire soon, and begins
/// streams anew shortly before, where that is configured.
pub(crate) async fn watch(operations: Arc<Operations>) {
    let mut watch = Watch::default();
    loop {
        let wait = watch.round(&operations, SystemTime::now());
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            // Other certificates, other dates.
            () = operations.reloaded() => {}
        }
    }
}

#[derive(Default)]
struct Watch {
    /// When each certificate was last warned of.
    warned: HashMap<DomainPart, (NotAfter, SystemTime)>,
    /// When the streams of a domain have to begin anew.
    restarts: HashMap<DomainPart, Restart>,
}

/// The streams of one domain, by the certificates that their clients have seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Restart {
    /// The end of the first of these certificates to expire, which may have been replaced since.
    earliest: NotAfter,
    /// They have begun anew because of it, and saw it again: there was no other.
    done: bool,
}

impl Restart {
    /// Takes note of the certificate of the moment, of which `is_due` says whether its end is near. Must the streams
    /// begin anew?
    fn note(&mut self, current: NotAfter, is_due: impl Fn(NotAfter) -> bool) -> bool {
        if self.done && self.earliest == current {
            return false;
        }
        let earliest = if self.done { current } else { self.earliest.min(current) };
        let due = is_due(earliest);
        // Streams that begin anew have all seen the certificate of the moment.
        *self = Restart { earliest: if due { current } else { earliest }, done: due && is_due(current) };
        due
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Watch {
    /// Does what is due, and says how long nothing will be.
    fn round(&mut self, operations: &Operations, now: SystemTime) -> Duration {
        let tls = operations.tls_config();
        // The clock may be set meanwhile: look again every hour.
        let mut wait = HOUR;
        let certificates = operations.certificates();
        let mut due = Vec::new();
        for certificate in certificates.iter() {
            let Some(not_after) = NotAfter::of(certificate.identity.certificate()) else { continue };
            let left = not_after.seconds_left(now);
            self.warn(certificate, not_after, Validity::of(left, tls.warn_before_expiry), now);
            let Some(before) = tls.restart_streams_before_expiry else { continue };
            let before = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            let until = |not_after: NotAfter| not_after.seconds_left(now).saturating_sub(before);
            let first = Restart { earliest: not_after, done: false };
            let restart = self.restarts.entry(certificate.domain.clone()).or_insert(first);
            if restart.note(not_after, |not_after| until(not_after) <= 0) {
                due.push(certificate.domain.clone());
            }
            if !restart.done {
                wait = wait.min(Duration::from_secs(until(restart.earliest).max(0).unsigned_abs()));
            }
        }
        if !due.is_empty() {
            operations.restart_streams(&due);
        }
        let kept = |domain: &DomainPart| certificates.iter().any(|certificate| certificate.domain == *domain);
        self.warned.retain(|domain, _| kept(domain));
        self.restarts.retain(|domain, _| kept(domain));
        wait
    }

    fn warn(&mut self, certificate: &Certificate, not_after: NotAfter, validity: Validity, now: SystemTime) {
        let Certificate { domain, path, .. } = certificate;
        if validity == Validity::Good {
            return;
        }
        let lately = self.warned.get(domain).is_some_and(|(of, when)| {
            // A clock that was set back counts as another day.
            *of == not_after && now.duration_since(*when).is_ok_and(|since| since < DAY)
        });
        if lately {
            return;
        }
        self.warned.insert(domain.clone(), (not_after, now));
        let path = path.display();
        if validity == Validity::Expired {
            tracing::error!(%domain, %path, %not_after, "the certificate has expired: clients refuse it");
        } else {
            tracing::warn!(%domain, %path, %not_after, "the certificate expires soon; replace it, then `jabiru reload`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_rfc_3339_writes_them() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_401_674, "2026-11-23T02:41:14Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(NotAfter(seconds).to_string(), expected);
        }
    }

    #[test]
    fn read_from_a_certificate() {
        let pair = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(["im.example".to_owned()]).unwrap();
        params.not_after = (SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_401_674)).into();
        let certificate = params.self_signed(&pair).unwrap();
        let not_after = NotAfter::of(certificate.der()).unwrap();
        assert_eq!(not_after.to_string(), "2026-11-23T02:41:14Z");
        let at = |seconds| not_after.seconds_left(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!((at(1_795_401_673), at(1_795_401_675), at(0)), (1, -1, 1_795_401_674));
        assert_eq!(NotAfter::of(b"no certificate"), None);
    }

    /// Rounds in the order of time: the certificate of the moment, and which are near their end.
    #[test]
    fn streams_begin_anew_once_for_each_certificate_they_have_seen() {
        // Certificates by their ends; `now` makes those due that end by then.
        for (rounds, expected) in [
            (&[(10, 5), (10, 9)][..], &[false, false][..]),
            (&[(10, 5), (10, 10), (10, 11)], &[false, true, false]),
            // Due from the start on: streams may have come before the first round.
            (&[(10, 10), (10, 11)], &[true, false]),
            // Replaced in time: who has seen the first one begins anew, and then there is none left of it.
            (&[(10, 5), (20, 6), (20, 10), (20, 11), (20, 20), (20, 21)], &[false, false, true, false, true, false]),
            // Replaced twice: at the first one's end everybody goes over to the third.
            (&[(10, 5), (20, 6), (30, 7), (30, 10), (30, 20), (30, 30)], &[false, false, false, true, false, true]),
            // Replaced too late, and by one that ends earlier.
            (&[(10, 10), (20, 11), (20, 20)], &[true, false, true]),
            (&[(20, 5), (10, 6), (10, 10), (10, 20)], &[false, false, true, false]),
        ] {
            let mut restart = Restart { earliest: NotAfter(rounds[0].0), done: false };
            let noted = rounds.iter().map(|(current, now)| restart.note(NotAfter(*current), |end| end.0 <= *now));
            assert_eq!(noted.collect::<Vec<_>>(), expected, "{rounds:?}");
        }
    }

    #[test]
    fn how_long_it_is_good() {
        let warn = DAY * 14;
        for (seconds_left, expected) in [
            (14 * 86_400 + 1, Validity::Good),
            (14 * 86_400, Validity::ExpiresSoon),
            (1, Validity::ExpiresSoon),
            (0, Validity::Expired),
            (i64::MIN, Validity::Expired),
        ] {
            assert_eq!(Validity::of(seconds_left, warn), expected, "{seconds_left}");
        }
        assert_eq!(Validity::of(1, Duration::ZERO), Validity::Good);
    }
}
