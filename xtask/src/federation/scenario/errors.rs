//! Messages to domains that can't be reached.

use anyhow::Result;

use super::Trial;
use crate::federation::domain::{DEAD, NO_SERVICE, NOWHERE, Purpose};
use crate::federation::judge;

const NOT_FOUND: &str = "remote-server-not-found";
const TIMEOUT: &str = "remote-server-timeout";

/// The left server's user writes to domains that do not exist, that have no server, whose server does not listen, and
/// to one that the right server does not host.
///
/// RFC 6120 §8.3.3.16 and §8.3.3.17 tell the conditions apart; what others make of it is only shown.
pub(super) fn errors(trial: &Trial<'_>) -> Result<()> {
    let user = trial.stage.user(trial.left(Purpose::Plain))?;
    let (not_hosted, bogus) = (trial.right(Purpose::NotHosted).name(), trial.right(Purpose::Bogus).name());
    let mut cases = vec![
        ("a domain that does not exist", NOWHERE.to_owned(), vec![NOT_FOUND]),
        ("a domain that says it has no server", NO_SERVICE.to_owned(), vec![NOT_FOUND]),
        ("a domain whose server does not listen", DEAD.to_owned(), vec![TIMEOUT]),
        ("a domain that is not hosted there", not_hosted, vec![NOT_FOUND, TIMEOUT]),
    ];
    let is_ours = trial.pair.left.is_ours();
    if is_ours {
        cases.push(("a domain whose DNSSEC is wrong", bogus, vec![NOT_FOUND, TIMEOUT]));
    }
    for (what, domain, conditions) in cases {
        let outcome = trial.stage.try_one(&user, &format!("romeo@{domain}"))?;
        let conditions = if is_ours { conditions } else { Vec::new() };
        trial.push(what, judge::refused(&outcome, &conditions));
    }
    Ok(())
}
