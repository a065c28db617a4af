//! What had to happen. The scripts report; only this file knows what is right.

use super::job::{Answers, DOMAIN, Job, Message, Outcome, Received, Recipient, Report};

/// What was seen, or what is wrong with it.
type Verdict = Result<String, String>;

/// Every check of the task `talk`, each with its name.
pub(super) fn talk(job: &Job, report: &Report) -> Vec<(String, Verdict)> {
    let mut checks = vec![("log in, certificate verified".to_owned(), logged_in(report))];
    if checks[0].1.is_err() {
        return checks;
    }
    checks.push(("SCRAM chosen".to_owned(), scram(&report.mechanisms)));
    for (receiver, sender) in [(1, 0), (0, 1)] {
        let name = format!("{} → {}", local(&report.jids[sender]), local(&report.jids[receiver]));
        let sent = &job.messages[sender];
        let verdict = messages(sent, &report.received[receiver], &report.jids[sender], &report.jids[receiver]);
        checks.push((name, verdict));
    }
    match &report.answers {
        Some(given) => checks.extend(answers(given).into_iter().map(|(name, verdict)| (name.to_owned(), verdict))),
        None => checks.push(("answers".to_owned(), Err("none reported".to_owned()))),
    }
    checks.push(("close the stream".to_owned(), closed(&report.stream_errors)));
    checks
}

fn local(jid: &str) -> &str {
    jid.split('@').next().unwrap_or(jid)
}

fn logged_in(report: &Report) -> Verdict {
    if let Some(outcome) = report.outcomes.iter().find(|outcome| outcome.outcome != "online") {
        return Err(describe(outcome));
    }
    let two = report.outcomes.len() == 2
        && report.jids.len() == 2
        && report.received.len() == 2
        && report.mechanisms.len() == 2
        && report.tls_versions.len() == 2;
    if !two {
        return Err("the report does not tell of two accounts".to_owned());
    }
    for jid in &report.jids {
        let resource = jid.split_once('/').map(|(_, resource)| resource);
        if !jid.contains(&format!("@{DOMAIN}/")) || resource.is_none_or(str::is_empty) {
            return Err(format!("bound to {jid:?}, which is no full JID of {DOMAIN}"));
        }
    }
    let versions: Vec<&str> =
        report.tls_versions.iter().map(|version| version.as_deref().unwrap_or("no TLS")).collect();
    match versions.iter().find(|version| !["TLSv1.2", "TLSv1.3"].contains(version)) {
        Some(version) => Err(format!("logged in over {version}")),
        None => Ok(versions[0].to_owned()),
    }
}

/// One mechanism each, and that of the SCRAM family.
fn scram(mechanisms: &[Vec<String>]) -> Verdict {
    for used in mechanisms {
        match used.as_slice() {
            [mechanism] if mechanism.starts_with("SCRAM-") => {}
            _ => return Err(format!("used {used:?}")),
        }
    }
    Ok(mechanisms[0].concat())
}

/// All of them, in order, each once, text and addresses as they must be (RFC 6120 §10.1, §8.1.2.1).
fn messages(sent: &[Message], received: &[Received], from: &str, to: &str) -> Verdict {
    let bare = to.split('/').next().unwrap_or(to);
    for (number, pair) in sent.iter().zip(received).enumerate() {
        let (sent, received) = pair;
        if received.body.as_deref() != Some(&sent.body) {
            return Err(format!(
                "message {number} is {:?} instead of {:?}",
                shorten(received.body.as_deref()),
                shorten(Some(&sent.body))
            ));
        }
        if received.from != from {
            return Err(format!("message {number} is from {:?} instead of {from}", received.from));
        }
        let expected = if sent.to == Recipient::Full { to } else { bare };
        if received.to != expected {
            return Err(format!("message {number} is to {:?} instead of {expected}", received.to));
        }
    }
    if received.len() != sent.len() {
        return Err(format!("{} messages arrived of {}", received.len(), sent.len()));
    }
    let longest = sent.iter().map(|message| message.body.len()).max().unwrap_or(0);
    Ok(format!("{} messages, in order, up to {longest} bytes", sent.len()))
}

fn shorten(text: Option<&str>) -> String {
    text.unwrap_or("nothing").chars().take(60).collect()
}

fn answers(answers: &Answers) -> Vec<(&'static str, Verdict)> {
    let is = |answer: &str, expected: &str| {
        if answer == expected { Ok(answer.to_owned()) } else { Err(format!("{answer} instead of {expected}")) }
    };
    vec![
        ("ping the server (XEP-0199)", is(&answers.ping_server, "result")),
        ("ping another resource of the own account", is(&answers.ping_own_resource, "result")),
        ("ping an account that shares no presence", request_to_stranger(&answers.ping_other_account)),
        ("service discovery (XEP-0030)", disco(answers)),
        ("version (XEP-0092)", version(answers)),
        ("unknown query to the server", is(&answers.unknown_query_to_server, "service-unavailable")),
        ("unknown query to the own account", is(&answers.unknown_query_to_own_account, "service-unavailable")),
        ("query to an unknown account", is(&answers.query_to_unknown_account, "service-unavailable")),
        ("query to an unknown resource", is(&answers.query_to_unknown_resource, "service-unavailable")),
        ("message to an unknown account", is(&answers.message_to_unknown_account, "service-unavailable")),
    ]
}

/// RFC 6121 §8.5.3.1: a server SHOULD answer in place of an account that does not share presence
/// with whoever asks. The other choice is to deliver; to say nothing is not.
fn request_to_stranger(answer: &str) -> Verdict {
    match answer {
        "service-unavailable" => Ok("the server answers: service-unavailable".to_owned()),
        "result" => Ok("delivered".to_owned()),
        other => Err(other.to_owned()),
    }
}

fn disco(answers: &Answers) -> Verdict {
    if !answers.identities.iter().any(|(category, kind)| category == "server" && kind == "im") {
        return Err(format!("no identity server/im among {:?}", answers.identities));
    }
    for feature in ["http://jabber.org/protocol/disco#info", "jabber:iq:version", "urn:xmpp:ping"] {
        if !answers.features.iter().any(|offered| offered == feature) {
            return Err(format!("{feature} is missing among {:?}", answers.features));
        }
    }
    Ok(format!("server/im, {} features", answers.features.len()))
}

fn version(answers: &Answers) -> Verdict {
    match (answers.version.name.as_deref(), answers.version.version.as_deref()) {
        (Some(name), Some(version)) if !name.is_empty() && !version.is_empty() => Ok(format!("{name} {version}")),
        other => Err(format!("{other:?}")),
    }
}

fn closed(stream_errors: &[Option<String>]) -> Verdict {
    match stream_errors.iter().flatten().next() {
        Some(condition) => Err(format!("stream error {condition}")),
        None => Ok("no stream error".to_owned()),
    }
}

/// Did the attempt end with this SASL failure, after SCRAM was tried?
pub(super) fn refused(outcome: Option<&Outcome>, condition: &str) -> Verdict {
    match outcome {
        Some(outcome) if outcome.outcome == "sasl-failure" && outcome.condition.as_deref() == Some(condition) => {
            match outcome.mechanisms.first() {
                Some(mechanism) if mechanism.starts_with("SCRAM-") => Ok(format!("{condition} after {mechanism}")),
                other => Err(format!("{condition}, but after {other:?}")),
            }
        }
        other => Err(unexpected(other, condition)),
    }
}

/// Did the client refuse the certificate, without trying to authenticate?
pub(super) fn certificate_refused(outcome: Option<&Outcome>) -> Verdict {
    match outcome {
        Some(outcome) if outcome.outcome == "tls-error" && outcome.mechanisms.is_empty() => {
            Ok("refused by the client".to_owned())
        }
        other => Err(unexpected(other, "a TLS failure")),
    }
}

/// Was the stream closed by the server with one of these conditions?
pub(super) fn thrown_out(outcome: Option<&Outcome>, conditions: &[&str]) -> Verdict {
    match outcome {
        Some(outcome) if outcome.outcome == "thrown-out" => match outcome.condition.as_deref() {
            Some(condition) if conditions.contains(&condition) => Ok(format!("stream error {condition}")),
            other => Err(format!("closed with {other:?} instead of {}", conditions.join(" or "))),
        },
        other => Err(unexpected(other, "the end of the stream")),
    }
}

fn unexpected(outcome: Option<&Outcome>, expected: &str) -> String {
    format!("{} instead of {expected}", outcome.map_or_else(|| "nothing".to_owned(), describe))
}

fn describe(outcome: &Outcome) -> String {
    let details = [outcome.condition.as_deref(), outcome.detail.as_deref()];
    details.into_iter().flatten().fold(outcome.outcome.clone(), |text, detail| format!("{text}, {detail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(outcome: &str, condition: Option<&str>, mechanisms: &[&str]) -> Outcome {
        Outcome {
            outcome: outcome.into(),
            condition: condition.map(Into::into),
            detail: None,
            mechanisms: mechanisms.iter().map(|mechanism| (*mechanism).to_owned()).collect(),
        }
    }

    fn sent() -> Vec<Message> {
        vec![Message { to: Recipient::Full, body: "1".into() }, Message { to: Recipient::Bare, body: "2".into() }]
    }

    fn received(list: &[(&str, &str, &str)]) -> Vec<Received> {
        list.iter()
            .map(|(from, to, body)| Received { from: (*from).into(), to: (*to).into(), body: Some((*body).into()) })
            .collect()
    }

    #[test]
    fn whatever_is_wrong_with_messages_is_seen() {
        let (one, two) = (("a@l/x", "b@l/y", "1"), ("a@l/x", "b@l", "2"));
        for (list, fine) in [
            (vec![one, two], true),
            (vec![one], false),
            (vec![two], false),
            (vec![two, one], false),
            (vec![one, one, two], false),
            (vec![one, two, two], false),
            (vec![one, ("a@l/x", "b@l", "2 ")], false),
            (vec![one, ("a@l", "b@l", "2")], false),
            (vec![one, ("a@l/x", "b@l/y", "2")], false),
            (vec![], false),
        ] {
            let verdict = messages(&sent(), &received(&list), "a@l/x", "b@l/y");
            assert_eq!(verdict.is_ok(), fine, "{list:?}: {verdict:?}");
        }
    }

    #[test]
    fn only_scram_counts() {
        let list = |mechanisms: &[&str]| mechanisms.iter().map(|mechanism| (*mechanism).to_owned()).collect::<Vec<_>>();
        assert!(scram(&[list(&["SCRAM-SHA-1"]), list(&["SCRAM-SHA-512"])]).is_ok());
        assert!(scram(&[list(&["SCRAM-SHA-1"]), list(&["PLAIN"])]).is_err());
        assert!(scram(&[list(&["SCRAM-SHA-1", "PLAIN"]), list(&["SCRAM-SHA-1"])]).is_err());
        assert!(scram(&[list(&[]), list(&["SCRAM-SHA-1"])]).is_err());
    }

    #[test]
    fn refusals_need_the_right_condition() {
        let scram = ["SCRAM-SHA-1"];
        assert!(refused(Some(&outcome("sasl-failure", Some("not-authorized"), &scram)), "not-authorized").is_ok());
        assert!(refused(Some(&outcome("sasl-failure", Some("not-authorized"), &scram)), "account-disabled").is_err());
        assert!(refused(Some(&outcome("sasl-failure", Some("not-authorized"), &["PLAIN"])), "not-authorized").is_err());
        assert!(refused(Some(&outcome("online", None, &scram)), "not-authorized").is_err());
        assert!(refused(None, "not-authorized").is_err());
        assert!(certificate_refused(Some(&outcome("tls-error", None, &[]))).is_ok());
        assert!(certificate_refused(Some(&outcome("tls-error", None, &scram))).is_err());
        assert!(certificate_refused(Some(&outcome("no-connection", None, &[]))).is_err());
        assert!(thrown_out(Some(&outcome("thrown-out", Some("not-authorized"), &[])), &["not-authorized"]).is_ok());
        assert!(thrown_out(Some(&outcome("thrown-out", None, &[])), &["not-authorized"]).is_err());
        assert!(thrown_out(Some(&outcome("still-online", None, &[])), &["not-authorized"]).is_err());
    }
}
