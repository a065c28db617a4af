//! Certificates that prove nothing, and those that DNSSEC or a web server vouches for.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::proof::Proof;
use super::{Trial, proof};
use crate::federation::domain::{Domain, Purpose, Software};
use crate::federation::judge::{self, Verdict};

/// What is wrong with a certificate, and the words that a log may have for it.
const WRONG: [(Purpose, &str, &[&str]); 3] = [
    (
        Purpose::Stranger,
        "of an unknown authority",
        &["not trusted", "issuer", "authority", "self-signed", "could not be validated"],
    ),
    (Purpose::Expired, "expired", &["expired"]),
    (Purpose::OtherName, "for another domain", &["not valid for", "not for", "names", "identity"]),
];

/// Who proves nothing is refused: as the server that is connected to, and as the one that connects.
pub(super) fn certificates(trial: &Trial<'_>) -> Result<()> {
    for (purpose, what, words) in WRONG {
        let (good, bad) = (trial.left(Purpose::Plain), trial.right(purpose));
        refusal(trial, good, bad, good, what, words)?;
        refusal(trial, bad, good, good, what, words)?;
        // ejabberd accepts any certificate, if dialback succeeds.
        if trial.pair.right.software() != Software::Ejabberd {
            let (bad, good) = (trial.left(purpose), trial.right(Purpose::Plain));
            refusal(trial, bad, good, good, what, words)?;
            refusal(trial, good, bad, good, what, words)?;
        }
    }
    Ok(())
}

/// DANE (RFC 7673): a self-signed certificate is good if signed DNS names it, and only then.
pub(super) fn dane(trial: &Trial<'_>) -> Result<()> {
    // Others know nothing of DANE by default: what they are shown is a certificate of the common authority.
    let own = if trial.pair.right.is_ours() { Purpose::Dane } else { Purpose::Plain };
    let marks = proof::marks(trial)?;
    trial.talk(own, Purpose::Dane)?;
    proof::check(trial, &marks, own, Purpose::Dane, Proof::Dane)?;
    let good = trial.left(Purpose::Plain);
    for (purpose, what) in [(Purpose::DaneOther, "DNS names another key"), (Purpose::DaneUnsigned, "DNS is not signed")]
    {
        let bad = trial.right(purpose);
        refusal(trial, good, bad, good, what, &["dane", "tlsa"])?;
        refusal(trial, bad, good, good, what, &["dane", "tlsa"])?;
    }
    Ok(())
}

/// POSH (RFC 7711): a self-signed certificate is good if the domain's web server names it, and only then.
pub(super) fn posh(trial: &Trial<'_>) -> Result<()> {
    // Others know nothing of POSH by default.
    let own = if trial.pair.right.is_ours() { Purpose::Posh } else { Purpose::Plain };
    let marks = proof::marks(trial)?;
    trial.talk(own, Purpose::Posh)?;
    proof::check(trial, &marks, own, Purpose::Posh, Proof::Posh)?;
    let (good, bad) = (trial.left(Purpose::Plain), trial.right(Purpose::PoshOther));
    refusal(trial, good, bad, good, "the web server names another", &["posh"])?;
    refusal(trial, bad, good, good, "the web server names another", &["posh"])
}

/// A message from one to the other must come back, and the log of the one who `refuses` must say why, the other's at
/// least that something was.
fn refusal(trial: &Trial<'_>, from: Domain, to: Domain, refuses: Domain, what: &str, words: &[&str]) -> Result<()> {
    let sender = trial.stage.user(from)?;
    let receiver = format!("romeo@{}", to.name());
    let other = if refuses == from { to } else { from };
    let marks = [trial.stage.server(refuses.party)?.log_end(), trial.stage.server(other.party)?.log_end()];
    let outcome = trial.stage.try_one(&sender, &receiver)?;
    let direction = format!("{} → {}", from.name(), to.name());
    trial.push(format!("{what}: {direction}: an error"), judge::refused(&outcome, &[]));
    let verdict = logged(trial, refuses, marks[0], &[&other.name()], words)?;
    trial.push(format!("{what}: {direction}: {} says why", refuses.party.name()), verdict);
    let host = trial.stage.server(refuses.party)?.host.clone();
    // Ours repeats what it was told; others are told, too.
    let words = if other.party.is_ours() { words } else { &[] };
    let names = [&*refuses.name(), &host.v4().to_string(), &host.v6().to_string()];
    let verdict = logged(trial, other, marks[1], &names, words)?;
    trial.push(format!("{what}: {direction}: {} says that", other.party.name()), verdict);
    Ok(())
}

/// Is there a line about one of `names` with one of `words` in the log of a domain's server? It may be written a moment
/// after the sender is told.
fn logged(trial: &Trial<'_>, domain: Domain, mark: u64, names: &[&str], words: &[&str]) -> Result<Verdict> {
    let start = Instant::now();
    loop {
        let log = trial.stage.server(domain.party)?.log_since(mark);
        let verdict = judge::line_about(&log, names, words);
        if verdict.is_ok() || start.elapsed() > LOG_LIMIT {
            return Ok(verdict);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

const LOG_LIMIT: Duration = Duration::from_secs(5);
