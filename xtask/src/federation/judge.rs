//! What had to happen to numbered messages.

use serde::Deserialize;

/// What was seen, or what is wrong with it.
pub(super) type Verdict = Result<String, String>;

/// A message as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Received {
    pub(super) id: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) body: String,
}

/// An error for a message, as its sender got it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Bounced {
    pub(super) id: String,
    pub(super) from: String,
    pub(super) condition: String,
    pub(super) text: String,
}

/// What became of the messages of one token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Outcome {
    pub(super) messages: Vec<Received>,
    pub(super) errors: Vec<Bounced>,
}

/// What was sent: number `n` has the body `bodies[n]` and went to `to[n % to.len()]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a [String],
    pub(super) bodies: &'a [String],
}

/// All of them, in order, each once, text and addresses as they must be (RFC 6120 §10.1, §8.1.1).
pub(super) fn all_in_order(sent: Sent<'_>, outcome: &Outcome) -> Verdict {
    if let Some(error) = outcome.errors.first() {
        return Err(format!(
            "{} errors, the first {} from {}: {}",
            outcome.errors.len(),
            error.condition,
            error.from,
            error.text
        ));
    }
    for (number, (body, message)) in sent.bodies.iter().zip(&outcome.messages).enumerate() {
        if self::number(&message.id) != Some(number) {
            let order: Vec<usize> = outcome.messages.iter().filter_map(|message| self::number(&message.id)).collect();
            return Err(format!("arrived in the order {}", runs(&order)));
        }
        if message.body != *body {
            return Err(format!("message {number} is {:?} instead of {:?}", shorten(&message.body), shorten(body)));
        }
        if message.from != sent.from {
            return Err(format!("message {number} is from {} instead of {}", message.from, sent.from));
        }
        let to = &sent.to[number % sent.to.len()];
        if message.to != *to {
            return Err(format!("message {number} is to {} instead of {to}", message.to));
        }
    }
    let (wanted, got) = (sent.bodies.len(), outcome.messages.len());
    if got != wanted {
        Err(format!("{got} messages arrived of {wanted}"))
    } else {
        Ok(format!("{wanted} messages, in order"))
    }
}

/// How exact the end of `count` messages must be known when a connection or a server goes in their midst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// Each arrived, once.
    Arrived,
    /// Each arrived once or has an error, never both.
    Accounted,
    /// The same, but for so many in a row where it happened: what the server that was killed had taken and not passed on
    /// yet is gone with it, and what it had passed on and not acknowledged is sent again. There may also be an error for
    /// what arrived and was not acknowledged.
    But { row: usize },
    /// What becomes of them is shown, and is not ours to judge.
    Shown,
}

/// Did each message arrive once, or its sender get one error for it, both in order?
pub(super) fn accounted(count: usize, outcome: &Outcome, bound: Bound) -> Verdict {
    let arrived: Vec<usize> = outcome.messages.iter().filter_map(|message| number(&message.id)).collect();
    let bounced: Vec<usize> = outcome.errors.iter().filter_map(|error| number(&error.id)).collect();
    let times = |list: &[usize]| {
        let mut times = vec![0_usize; count];
        for number in list {
            if let Some(times) = times.get_mut(*number) {
                *times += 1;
            }
        }
        times
    };
    let both: Vec<(usize, usize)> = times(&arrived).into_iter().zip(times(&bounced)).collect();
    let with = |wanted: fn(usize, usize) -> bool| -> Vec<usize> {
        both.iter().enumerate().filter(|(_, (came, errors))| wanted(*came, *errors)).map(|(number, _)| number).collect()
    };
    let lost = with(|came, errors| came + errors == 0);
    let doubled = with(|came, errors| came > 1 || errors > 1);
    let uncertain = with(|came, errors| came == 1 && errors == 1);
    let mut seen = format!("{} arrived, {} errors", arrived.len(), bounced.len());
    if let Some(error) = outcome.errors.first() {
        seen += &format!(" ({})", error.condition);
    }
    for (numbers, what) in [(&lost, "lost"), (&doubled, "twice"), (&uncertain, "arrived with an error")] {
        if !numbers.is_empty() {
            seen += &format!(", {} {what} ({})", numbers.len(), runs(numbers));
        }
    }
    let (row, may_be_uncertain) = match bound {
        Bound::Shown => return Ok(seen),
        Bound::Arrived if !bounced.is_empty() => return Err(seen),
        Bound::Arrived | Bound::Accounted => (0, false),
        Bound::But { row } => (row, true),
    };
    let mut odd: Vec<usize> = lost.iter().chain(&doubled).copied().collect();
    odd.sort_unstable();
    if span(&odd) > row || !uncertain.is_empty() && !may_be_uncertain {
        return Err(seen);
    }
    // What came twice is out of order the second time.
    let again = |list: &[usize]| list.windows(2).filter(|pair| pair[0] >= pair[1]).count();
    let disorder = again(&arrived).max(again(&bounced));
    if disorder > usize::from(!doubled.is_empty()) {
        return Err(format!("{seen}, in the order {}", runs(&arrived)));
    }
    Ok(seen)
}

/// From the first of them to the last.
fn span(sorted: &[usize]) -> usize {
    sorted.last().zip(sorted.first()).map_or(0, |(last, first)| last - first + 1)
}

/// Numbers in their order, those that follow each other as `first–last`.
fn runs(numbers: &[usize]) -> String {
    const MOST: usize = 10;
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    let mut parts: Vec<String> = runs
        .iter()
        .take(MOST)
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}–{last}") })
        .collect();
    if runs.len() > MOST {
        parts.push("…".to_owned());
    }
    parts.join(", ")
}

/// Is the only error that there is one of these?
pub(super) fn refused(outcome: &Outcome, conditions: &[&str]) -> Verdict {
    if let Some(message) = outcome.messages.first() {
        return Err(format!("arrived: {}", message.id));
    }
    match outcome.errors.as_slice() {
        [] => Err("neither arrived nor an error".to_owned()),
        [error] if conditions.is_empty() || conditions.contains(&error.condition.as_str()) => {
            let text = if error.text.is_empty() { String::new() } else { format!(": {}", error.text) };
            Ok(format!("{}{text}", error.condition))
        }
        [error] => Err(format!("{} instead of {}: {}", error.condition, conditions.join(" or "), error.text)),
        more => Err(format!("{} errors for one message", more.len())),
    }
}

/// A line that has one of `subjects` and one of `reasons`, in any case.
pub(super) fn line_about(log: &str, subjects: &[&str], reasons: &[&str]) -> Verdict {
    let has =
        |line: &str, words: &[&str]| words.is_empty() || words.iter().any(|word| line.contains(&word.to_lowercase()));
    let found = log.lines().find(|line| {
        let line = line.to_lowercase();
        has(&line, subjects) && has(&line, reasons)
    });
    match found {
        Some(line) => Ok(without_time(line)),
        None => Err(format!("no line about {} with {}", subjects.join(" or "), reasons.join(" or "))),
    }
}

/// A line of a log without the time that it may begin with.
fn without_time(line: &str) -> String {
    let (first, rest) = line.trim().split_once(' ').unwrap_or_default();
    let line = if first.starts_with(|first: char| first.is_ascii_digit()) { rest } else { line };
    line.trim().to_owned()
}

/// The number at the end of an id.
fn number(id: &str) -> Option<usize> {
    id.rsplit_once('-')?.1.parse().ok()
}

fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(arrived: &[usize], bounced: &[usize]) -> Outcome {
        let id = |number: &usize| format!("t-{number}");
        Outcome {
            messages: arrived
                .iter()
                .map(|number| Received {
                    id: id(number),
                    from: "a@l/x".into(),
                    to: "b@l".into(),
                    body: number.to_string(),
                })
                .collect(),
            errors: bounced
                .iter()
                .map(|number| Bounced {
                    id: id(number),
                    from: "b@l".into(),
                    condition: "c".into(),
                    text: String::new(),
                })
                .collect(),
        }
    }

    #[test]
    fn whatever_is_wrong_with_messages_is_seen() {
        let (to, bodies) = (["b@l".to_owned()], ["0".to_owned(), "1".to_owned(), "2".to_owned()]);
        let sent = Sent { from: "a@l/x", to: &to, bodies: &bodies };
        for (arrived, bounced, fine) in [
            (vec![0, 1, 2], vec![], true),
            (vec![0, 1], vec![], false),
            (vec![0, 1], vec![2], false),
            (vec![0, 2, 1], vec![], false),
            (vec![0, 1, 1, 2], vec![], false),
            (vec![0, 1, 2, 2], vec![], false),
            (vec![], vec![], false),
        ] {
            let verdict = all_in_order(sent, &outcome(&arrived, &bounced));
            assert_eq!(verdict.is_ok(), fine, "{arrived:?} {bounced:?}: {verdict:?}");
        }
        let elsewhere = Sent { from: "a@l/y", ..sent };
        assert!(all_in_order(elsewhere, &outcome(&[0, 1, 2], &[])).is_err());
    }

    #[test]
    fn messages_around_a_break_are_accounted_for() {
        use Bound::{Accounted, Arrived};
        let but = |row| Bound::But { row };
        for (arrived, bounced, bound, fine) in [
            (vec![0, 1, 2, 3], vec![], Arrived, true),
            (vec![0, 1, 3], vec![2], Arrived, false),
            (vec![0, 1, 3], vec![2], Accounted, true),
            (vec![0, 1], vec![2, 3], Accounted, true),
            (vec![0, 1], vec![3, 2], Accounted, false),
            (vec![1, 0], vec![2, 3], Accounted, false),
            (vec![0, 1, 2], vec![2, 3], Accounted, false),
            (vec![0, 1, 3], vec![], Accounted, false),
            (vec![0, 1, 2, 2, 3], vec![], Accounted, false),
            (vec![0, 1, 3], vec![], but(1), true),
            (vec![0, 3], vec![], but(1), false),
            (vec![0, 3], vec![], but(2), true),
            (vec![0, 2], vec![], but(2), false),
            (vec![0, 1, 2, 1, 2, 3], vec![], but(2), true),
            (vec![0, 1, 2, 2, 1, 3], vec![], but(2), false),
            (vec![0, 1, 2, 3], vec![1, 2, 3], but(0), true),
            (vec![0, 1, 2, 3], vec![1, 2, 2, 3], but(0), false),
            (vec![0, 1, 2, 3], vec![2], Accounted, false),
            (vec![1, 2], vec![], but(1), false),
            (vec![0, 2, 1, 3], vec![], but(0), false),
        ] {
            let verdict = accounted(4, &outcome(&arrived, &bounced), bound);
            assert_eq!(verdict.is_ok(), fine, "{arrived:?} {bounced:?} {bound:?}: {verdict:?}");
        }
    }

    #[test]
    fn numbers_are_told_in_runs() {
        assert_eq!(runs(&[2, 3, 4, 0, 7, 8]), "2–4, 0, 7–8");
        assert_eq!(runs(&[]), "");
    }

    #[test]
    fn a_refusal_is_one_error_and_nothing_else() {
        assert!(refused(&outcome(&[], &[0]), &["c"]).is_ok());
        assert!(refused(&outcome(&[], &[0]), &[]).is_ok());
        assert!(refused(&outcome(&[], &[0]), &["d"]).is_err());
        assert!(refused(&outcome(&[0], &[]), &[]).is_err());
        assert!(refused(&outcome(&[0], &[0]), &[]).is_err());
        assert!(refused(&outcome(&[], &[0, 0]), &[]).is_err());
        assert!(refused(&outcome(&[], &[]), &[]).is_err());
    }

    #[test]
    fn a_line_needs_its_subject_and_its_reason() {
        let log = "x.example closed\ny.example: the certificate has Expired\n";
        assert!(line_about(log, &["y.example"], &["expired"]).is_ok());
        assert!(line_about(log, &["x.example"], &["expired"]).is_err());
        assert!(line_about(log, &["x.example"], &[]).is_ok());
    }
}
