//! The streams as a table.

use std::fmt;

use jabiru_s2s::report::{Direction, PairReport, QueueReport, StreamReport, StreamState};

use super::words::{Shown, bytes, method, proofs, short};

/// One row a stream; below it what does not fit into a row.
pub(super) struct Table<'a>(pub(super) &'a [StreamReport]);

const HEADINGS: [&str; 12] = [
    "DIR",
    "REMOTE",
    "LOCAL",
    "STATE",
    "ADDRESS",
    "TLS",
    "PROVEN BY",
    "ACCEPTED BY",
    "IN",
    "OUT",
    "WAITING",
    "AGE/IDLE",
];
/// Numbers stand to the right.
const TO_THE_RIGHT: [usize; 2] = [8, 9];

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("There are no streams to or from other servers.");
        }
        let mut streams: Vec<_> = self.0.iter().collect();
        streams.sort_by_key(|stream| (&stream.remote, &stream.local, stream.direction));
        let rows: Vec<_> = streams.iter().map(|stream| row(stream)).collect();
        let widths: Vec<usize> = (0..HEADINGS.len())
            .map(|column| {
                let cells = rows.iter().map(|row| row[column].chars().count());
                cells.chain([HEADINGS[column].len()]).max().unwrap_or_default()
            })
            .collect();
        f.write_str(&line(&HEADINGS.map(str::to_owned), &widths))?;
        for (stream, row) in streams.iter().zip(&rows) {
            write!(f, "\n{}", line(row, &widths))?;
            for note in notes(stream) {
                write!(f, "\n       {note}")?;
            }
        }
        Ok(())
    }
}

fn line(cells: &[String; HEADINGS.len()], widths: &[usize]) -> String {
    let mut line = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let padding = " ".repeat(width - cell.chars().count());
        let (before, behind) = if TO_THE_RIGHT.contains(&column) { (&*padding, "") } else { ("", &*padding) };
        line.extend([before, cell, behind, "  "]);
    }
    line.trim_end().to_owned()
}

fn row(stream: &StreamReport) -> [String; HEADINGS.len()] {
    let nothing = || "-".to_owned();
    let domain = |domain: &Option<String>| domain.as_deref().map_or_else(nothing, |name| Shown(name).to_string());
    // Of the pair that the stream was opened for; the others have lines of their own.
    let first = stream.pairs.first();
    let proven = first.filter(|pair| !pair.proofs.is_empty()).map(|pair| proofs(&pair.proofs));
    let accepted = first.and_then(|pair| pair.accepted_by).map(|by| method(by).to_owned());
    let tls = stream.tls.as_ref().map(|tls| {
        let how = if tls.direct { " direct" } else { "" };
        format!("{}{how}", Shown(&tls.version))
    });
    [
        match stream.direction {
            Direction::Outgoing => "out".to_owned(),
            Direction::Incoming => "in".to_owned(),
        },
        domain(&stream.remote),
        domain(&stream.local),
        state(&stream.state).to_owned(),
        stream.address.map_or_else(nothing, |address| address.to_string()),
        tls.unwrap_or_else(nothing),
        proven.unwrap_or_else(nothing),
        accepted.unwrap_or_else(nothing),
        stream.stanzas_in.to_string(),
        stream.stanzas_out.to_string(),
        match stream.queue {
            QueueReport { stanzas: 0, .. } => nothing(),
            queue => format!("{} ({})", queue.stanzas, bytes(queue.bytes)),
        },
        format!("{}/{}", short(stream.age_seconds), short(stream.idle_seconds)),
    ]
}

fn state(state: &StreamState) -> &'static str {
    match state {
        StreamState::Connecting { .. } => "connecting",
        StreamState::Negotiating => "negotiating",
        StreamState::Established => "established",
        StreamState::Suspended { .. } => "suspended",
        StreamState::Waiting { .. } => "waiting",
        StreamState::Closing => "closing",
    }
}

fn notes(stream: &StreamReport) -> Vec<String> {
    let mut notes = Vec::new();
    match &stream.state {
        StreamState::Connecting { attempt, last_failure: Some(failure) } => {
            notes.push(format!("attempt {attempt}; the one before failed: {}", Shown(failure)));
        }
        StreamState::Waiting { attempts, next_try_seconds, last_failure } => {
            let times = if *attempts == 1 { "once".to_owned() } else { format!("{attempts} times") };
            let next = short(*next_try_seconds);
            notes.push(format!("failed {times}, next attempt in {next}: {}", Shown(last_failure)));
        }
        StreamState::Suspended { seconds_left } => {
            notes.push(format!("the connection is lost; the stream can be resumed for {}", short(*seconds_left)));
        }
        StreamState::Connecting { last_failure: None, .. }
        | StreamState::Negotiating
        | StreamState::Established
        | StreamState::Closing => {}
    }
    let mut agreed = Vec::new();
    if stream.bidirectional {
        agreed.push("bidirectional".to_owned());
    }
    if let Some(management) = &stream.stream_management {
        let resumable = if management.resumable { "acknowledged, resumable" } else { "acknowledged" };
        agreed.push(match (management.unacknowledged_stanzas, management.unacknowledged_bytes) {
            (0, _) => resumable.to_owned(),
            (stanzas, size) => format!("{resumable}, of {stanzas} ({}) not known yet", bytes(size)),
        });
    }
    if !agreed.is_empty() {
        notes.push(agreed.join("; "));
    }
    notes.extend(stream.pairs.iter().skip(1).map(pair));
    notes
}

fn pair(pair: &PairReport) -> String {
    let mut words = format!("also {} <-> {}", Shown(&pair.remote), Shown(&pair.local));
    match pair.proofs.as_slice() {
        [] => words.push_str(", not proven"),
        some => words.extend([", proven by ", &proofs(some)]),
    }
    if let Some(by) = pair.accepted_by {
        words.extend([", accepted by ", method(by)]);
    }
    words
}

#[cfg(test)]
mod tests {
    use jabiru_s2s::report::{ManagementReport, Method, Proof, TlsReport};

    use super::*;

    fn stream(direction: Direction, remote: &str, state: StreamState) -> StreamReport {
        StreamReport {
            direction,
            local: Some("im.example".to_owned()),
            remote: Some(remote.to_owned()),
            state,
            pairs: Vec::new(),
            address: None,
            tls: None,
            bidirectional: false,
            stream_management: None,
            stanzas_in: 0,
            stanzas_out: 0,
            queue: QueueReport::default(),
            age_seconds: 61,
            idle_seconds: 5,
        }
    }

    #[test]
    fn for_people() {
        let pair = |remote: &str, proofs: &[Proof], accepted_by| PairReport {
            local: "im.example".to_owned(),
            remote: remote.to_owned(),
            proofs: proofs.to_vec(),
            accepted_by,
        };
        let up = StreamReport {
            pairs: vec![
                pair("example.net", &[Proof::Certificate, Proof::Dane], Some(Method::External)),
                pair("chat.example.net", &[Proof::Dialback], None),
                pair("\u{202e}.example.net", &[], None),
            ],
            address: Some("192.0.2.1:5269".parse().unwrap()),
            tls: Some(TlsReport { version: "1.3".to_owned(), direct: true }),
            bidirectional: true,
            stream_management: Some(ManagementReport {
                resumable: true,
                unacknowledged_stanzas: 2,
                unacknowledged_bytes: 2048,
            }),
            stanzas_in: 12,
            stanzas_out: 1234,
            ..stream(Direction::Incoming, "example.net", StreamState::Established)
        };
        let failing = StreamState::Waiting {
            attempts: 3,
            next_try_seconds: 12,
            last_failure: "connect: \u{1b}[2J refused".to_owned(),
        };
        let waiting = StreamReport {
            queue: QueueReport { stanzas: 4, bytes: 900 },
            ..stream(Direction::Outgoing, "down.example", failing)
        };
        let expected = "\
DIR  REMOTE        LOCAL       STATE        ADDRESS         TLS         PROVEN BY          ACCEPTED BY  IN   OUT  WAITING  AGE/IDLE
out  down.example  im.example  waiting      -               -           -                  -             0     0  4 (900)  1m/5s
       failed 3 times, next attempt in 12s: connect: \\u{1b}[2J refused
in   example.net   im.example  established  192.0.2.1:5269  1.3 direct  certificate, DANE  EXTERNAL     12  1234  -        1m/5s
       bidirectional; acknowledged, resumable, of 2 (2 KiB) not known yet
       also chat.example.net <-> im.example, proven by dialback
       also \\u{202e}.example.net <-> im.example, not proven";
        assert_eq!(Table(&[up, waiting]).to_string(), expected);
        assert_eq!(Table(&[]).to_string(), "There are no streams to or from other servers.");
    }
}
