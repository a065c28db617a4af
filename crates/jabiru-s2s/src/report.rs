//! What can be told of server streams: every live one as a [`StreamReport`], every step of a test as a [`Finding`].
//!
//! These are plain values, with a JSON form that only ever gains fields. Who runs streams fills them; who shows them to
//! a person says how. Texts in them may be another server's own words, as they came: whoever writes them to a terminal
//! has to escape what is not text.

mod finding;
mod stream;

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

pub use finding::{
    Answer, CertificateReport, Conclusion, Diagnosis, DialbackAnswer, FeatureReport, Finding, Requirement, Source,
    SrvReport, Stage, Step, TargetReport, Verdict,
};
pub use stream::{Direction, ManagementReport, PairReport, QueueReport, StreamReport, StreamState, TlsReport};

/// What has proven that another server speaks for its domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Its certificate, which leads to an authority that is trusted and names the domain (RFC 6120 §13.7.2).
    Certificate,
    /// Its certificate, by DNSSEC-validated TLSA records (RFC 7673).
    Dane,
    /// Its certificate, by a document that the domain publishes over HTTPS (RFC 7711).
    Posh,
    /// A key that the domain's authoritative server knew (XEP-0220).
    Dialback,
}

/// By what the two servers of a stream made themselves known to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// SASL EXTERNAL (XEP-0178).
    External,
    /// Server Dialback (XEP-0220).
    Dialback,
}

/// A moment as RFC 3339 writes it, for example `2026-11-23T02:41:14Z`; fractions of a second are left out.
#[must_use]
pub fn rfc3339(time: SystemTime) -> String {
    let seconds = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
    };
    let (days, seconds) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
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

/// A time as a number of milliseconds, to the microsecond.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        // What a test takes has far fewer than 2^53 microseconds.
        serializer.serialize_f64(time.as_micros() as f64 / 1000.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let milliseconds = f64::deserialize(deserializer)?;
        Duration::try_from_secs_f64((milliseconds * 1000.0).round() / 1e6).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn moments() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_401_674, "2026-11-23T02:41:14Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
        assert_eq!(rfc3339(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), "1969-12-31T23:59:59Z");
    }
}
