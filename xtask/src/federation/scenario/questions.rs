//! Presence to users elsewhere, and requests to servers, resources and accounts elsewhere.

use anyhow::Result;
use serde::Deserialize;
use serde_json::json;

use super::Trial;
use crate::federation::domain::{Domain, Purpose};
use crate::federation::judge::{self, Verdict};
use crate::federation::stage::User;

/// Longest wait for presence, in seconds.
const PATIENCE: f64 = 20.0;

#[derive(Debug, Deserialize)]
struct Answer {
    outcome: String,
    #[serde(default)]
    identities: Vec<(String, String)>,
    version: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Presences {
    presences: Vec<Presence>,
    count: usize,
}

#[derive(Debug, Deserialize)]
struct Presence {
    from: String,
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

pub(super) fn questions(trial: &Trial<'_>) -> Result<()> {
    let (left, right) = (trial.left(Purpose::Plain), trial.right(Purpose::Plain));
    let users = [trial.stage.user(left)?, trial.stage.user(right)?];
    for (from, to, domain) in [(&users[0], &users[1], right), (&users[1], &users[0], left)] {
        // A resource need only be asked by those whom it shows its presence (RFC 6121 §8.5.3.1).
        presence(trial, to, from, "available")?;
        requests(trial, from, to, domain)?;
        presence(trial, to, from, "unavailable")?;
        unknown(trial, from, to, domain)?;
    }
    subscription(trial, &users[0], &users[1])
}

/// Directed presence (RFC 6121 §4.6).
fn presence(trial: &Trial<'_>, from: &User, to: &User, kind: &str) -> Result<()> {
    let after = presences(trial, to, from, "nothing", 0, 0.0)?.count;
    let status = format!("{kind} to {}", to.domain());
    let request = json!({ "account": from.bare, "to": to.full, "kind": kind, "status": status });
    trial.stage.users().ask::<()>("presence", request)?;
    let found = presences(trial, to, from, kind, after, PATIENCE)?.presences;
    let is_right =
        |presence: &&Presence| presence.from == from.full && presence.kind == kind && presence.status == status;
    let verdict = match found.iter().filter(is_right).count() {
        1 => Ok("arrived".to_owned()),
        number => Err(format!("{number} times among {found:?}")),
    };
    trial.push(format!("presence {kind}, {} → {}", from.domain(), to.domain()), verdict);
    Ok(())
}

fn presences(
    trial: &Trial<'_>,
    receiver: &User,
    sender: &User,
    kind: &str,
    after: usize,
    patience: f64,
) -> Result<Presences> {
    let request = json!({
        "account": receiver.bare, "sender": sender.bare, "kind": kind, "patience": patience, "after": after,
    });
    trial.stage.users().ask("presences", request)
}

/// What a server and a resource elsewhere answer.
fn requests(trial: &Trial<'_>, from: &User, to: &User, domain: Domain) -> Result<()> {
    for (address, whom) in [(domain.name(), "server"), (to.full.clone(), "resource")] {
        for what in ["ping", "disco", "version"] {
            let answer = ask(trial, from, &address, what)?;
            let verdict = match (answer.outcome.as_str(), what) {
                ("result", "disco") if whom == "server" => server_identity(&answer.identities),
                ("result", "version") => answer.version.ok_or_else(|| "no version".to_owned()),
                ("result", _) => Ok("result".to_owned()),
                (other, _) => Err(other.to_owned()),
            };
            trial.push(format!("{what} to the {whom}, {} → {}", from.domain(), to.domain()), verdict);
        }
    }
    let answer = ask(trial, from, &domain.name(), "unheard-of")?;
    let verdict = one_of(&answer.outcome, &["service-unavailable"]);
    trial.push(format!("unknown request to the server, {} → {}", from.domain(), to.domain()), verdict);
    Ok(())
}

/// Accounts and resources that are not there.
fn unknown(trial: &Trial<'_>, from: &User, to: &User, domain: Domain) -> Result<()> {
    let nobody = format!("nobody@{}", domain.name());
    let direction = format!("{} → {}", from.domain(), to.domain());
    // RFC 6121 §8.5.1 and §8.5.3.2.3.
    let expected = ["service-unavailable"];
    let answer = ask(trial, from, &nobody, "unheard-of")?;
    trial.push(format!("request to an unknown account, {direction}"), one_of(&answer.outcome, &expected));
    let answer = ask(trial, from, &format!("{}/nowhere", to.bare), "ping")?;
    trial.push(format!("request to an unknown resource, {direction}"), one_of(&answer.outcome, &expected));
    let outcome = trial.stage.try_one(from, &nobody)?;
    trial.push(format!("message to an unknown account, {direction}"), judge::refused(&outcome, &expected));
    Ok(())
}

/// A subscription from left to right (RFC 6121 §3.1), as far as both servers know of such.
fn subscription(trial: &Trial<'_>, left: &User, right: &User) -> Result<()> {
    let knows_rosters = !trial.pair.left.is_ours() && !trial.pair.right.is_ours();
    let start = presences(trial, right, left, "nothing", 0, 0.0)?.count;
    let back = presences(trial, left, right, "nothing", 0, 0.0)?.count;
    let send = |trial: &Trial<'_>, from: &User, to: &User, kind: &str| {
        trial.stage.users().ask::<()>("presence", json!({ "account": from.bare, "to": to.bare, "kind": kind }))
    };
    send(trial, left, right, "subscribe")?;
    let patience = if knows_rosters { PATIENCE } else { 1.0 };
    let asked = presences(trial, right, left, "subscribe", start, patience)?.presences;
    let verdict = match asked.iter().find(|presence| presence.kind == "subscribe") {
        Some(presence) if presence.from == left.bare => Ok("arrived".to_owned()),
        Some(presence) => Err(format!("from {}", presence.from)),
        None if knows_rosters => Err("did not arrive".to_owned()),
        None => Ok("not yet: there are no rosters".to_owned()),
    };
    let has_arrived = verdict.as_deref() == Ok("arrived");
    trial.push("subscription asked for", verdict);
    if has_arrived {
        send(trial, right, left, "subscribed")?;
        let answered = presences(trial, left, right, "available", back, patience)?.presences;
        let has = |kind: &str| answered.iter().any(|presence| presence.kind == kind);
        let verdict =
            if has("available") || !knows_rosters { Ok(format!("{answered:?}")) } else { Err(format!("{answered:?}")) };
        trial.push("subscription granted", verdict);
    }
    Ok(())
}

fn ask(trial: &Trial<'_>, from: &User, to: &str, what: &str) -> Result<Answer> {
    trial.stage.users().ask("ask", json!({ "account": from.bare, "to": to, "what": what }))
}

fn server_identity(identities: &[(String, String)]) -> Verdict {
    if identities.iter().any(|(category, kind)| category == "server" && kind == "im") {
        Ok("server/im".to_owned())
    } else {
        Err(format!("no identity server/im among {identities:?}"))
    }
}

pub(super) fn one_of(outcome: &str, expected: &[&str]) -> Verdict {
    if expected.contains(&outcome) {
        Ok(outcome.to_owned())
    } else {
        Err(format!("{outcome} instead of {}", expected.join(" or ")))
    }
}
