//! What a case is.

use crate::subject::Subject;

/// One rule, shown by a dialogue with a server. Made by the macro [`case!`](crate::case!).
#[derive(Clone, Copy)]
pub struct Case {
    /// The name of its function.
    pub name: &'static str,
    /// Where that is: `jabiru_conformance::rfc6120::section_4::section_4_9_3`.
    pub module: &'static str,
    /// Its file, as seen from the root of the workspace.
    pub file: &'static str,
    /// The text of that file, from which [`rule`](Self::rule) is taken.
    pub source: &'static str,
    /// How strongly the rule binds a server.
    pub level: Level,
    /// The rows of the checklist (`4.9.3.1`, `Appendix A`) and the features of section 15 (`sasl-errors`) that
    /// it proves.
    pub proves: &'static [&'static str],
    /// What the server must have, beyond client streams, for the case to be tried.
    pub needs: &'static [Need],
    /// The dialogue. It panics where the server breaks the rule.
    pub run: fn(&Subject),
}

/// How strongly a rule binds (RFC 2119).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A server that does otherwise fails.
    Must,
    /// A server that does otherwise is warned; ours fails.
    Should,
    /// A server that does otherwise is only told so.
    May,
}

/// What a case needs of a server. Without it the case is not tried.
///
/// The bundled server is started once for each of [`PROFILES`] that a case asks for. Others say with `--has`
/// what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Need {
    /// The server for itself: the case ends streams of others, changes the configuration or stops it.
    Alone,
    /// A second hosted domain, `$other`.
    SecondDomain,
    /// TLS from the first octet (XEP-0368).
    DirectTls,
    /// Profile: every time-out is a second or so.
    ShortTimeouts,
    /// Profile: client certificates are asked for, and EXTERNAL is on.
    External,
    /// Profile: ANONYMOUS is on.
    Anonymous,
    /// Profile: clients may go on without TLS.
    Plaintext,
    /// Profile: nothing weaker than SCRAM-SHA-256 is permitted.
    StrongMechanisms,
    /// Profile: a resource that is in use is refused to the newcomer (RFC 6120 §7.7.2.2).
    ConflictRefuse,
    /// Profile: who asks for a resource that is in use gets another one (RFC 6120 §7.7.2.2).
    ConflictAssign,
    /// Profile: limits on sizes, rates and numbers that are soon reached.
    SmallLimits,
    /// Profile: streams of other servers are taken and opened, under TLS, proved by a certificate or else by Server Dialback
    /// (XEP-0220).
    Servers,
    /// Profile: the same, but nothing except its certificate proves a server.
    ServersByCertificate,
    /// Profile: as [`Servers`](Self::Servers), and every time-out of server streams is a second or two.
    ServersShortTimeouts,
    /// A command of the administrator's.
    Admin(Verb),
}

/// The needs that are a configuration of the bundled server.
pub const PROFILES: [Need; 11] = [
    Need::ShortTimeouts,
    Need::External,
    Need::Anonymous,
    Need::Plaintext,
    Need::StrongMechanisms,
    Need::ConflictRefuse,
    Need::ConflictAssign,
    Need::SmallLimits,
    Need::Servers,
    Need::ServersByCertificate,
    Need::ServersShortTimeouts,
];

/// The profiles with server streams.
pub const SERVER_PROFILES: [Need; 3] = [Need::Servers, Need::ServersByCertificate, Need::ServersShortTimeouts];

/// A command of the administrator's, as `--admin-command` is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// `create ADDRESS`, the password on standard input.
    Create,
    /// `password ADDRESS`, the new one on standard input.
    Password,
    /// `disable ADDRESS`: no more logins.
    Disable,
    /// `enable ADDRESS`: the reverse.
    Enable,
    /// `expire ADDRESS`: the credentials are no longer good.
    Expire,
    /// `remove ADDRESS`.
    Remove,
    /// `kick ADDRESS`: ends the streams of a bare or full JID.
    Kick,
    /// `move ADDRESS URI [temporary]`: the account has gone to another address.
    Move,
    /// `drain [TARGET]`: everybody shall go elsewhere.
    Drain,
    /// `reload`: reads the configuration again.
    Reload,
    /// `remove-domain DOMAIN`: hosts it no longer, without a restart.
    RemoveDomain,
    /// `stop`: shuts the server down.
    Stop,
    /// `break-storage`: the storage answers no more.
    BreakStorage,
}

impl Verb {
    /// All of them.
    pub const ALL: [Verb; 13] = [
        Verb::Create,
        Verb::Password,
        Verb::Disable,
        Verb::Enable,
        Verb::Expire,
        Verb::Remove,
        Verb::Kick,
        Verb::Move,
        Verb::Drain,
        Verb::Reload,
        Verb::RemoveDomain,
        Verb::Stop,
        Verb::BreakStorage,
    ];

    /// Is the account that it is done to of no use to others?
    pub(crate) fn spoils(self) -> bool {
        matches!(self, Verb::Password | Verb::Disable | Verb::Expire | Verb::Remove | Verb::Move)
    }

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verb::Create => "create",
            Verb::Password => "password",
            Verb::Disable => "disable",
            Verb::Enable => "enable",
            Verb::Expire => "expire",
            Verb::Remove => "remove",
            Verb::Kick => "kick",
            Verb::Move => "move",
            Verb::Drain => "drain",
            Verb::Reload => "reload",
            Verb::RemoveDomain => "remove-domain",
            Verb::Stop => "stop",
            Verb::BreakStorage => "break-storage",
        }
    }
}

impl Need {
    /// For people, and for `--has`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Need::Alone => "alone",
            Need::SecondDomain => "second-domain",
            Need::DirectTls => "direct-tls",
            Need::ShortTimeouts => "short-timeouts",
            Need::External => "external",
            Need::Anonymous => "anonymous",
            Need::Plaintext => "plaintext",
            Need::StrongMechanisms => "strong-mechanisms",
            Need::ConflictRefuse => "conflict-refuse",
            Need::ConflictAssign => "conflict-assign",
            Need::SmallLimits => "small-limits",
            Need::Servers => "servers",
            Need::ServersByCertificate => "servers-by-certificate",
            Need::ServersShortTimeouts => "servers-short-timeouts",
            Need::Admin(verb) => verb.name(),
        }
    }
}

impl Level {
    /// As RFC 2119 writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Level::Must => "MUST",
            Level::Should => "SHOULD",
            Level::May => "MAY",
        }
    }
}

impl Case {
    /// The document: `RFC 6120`.
    #[must_use]
    pub fn document(&self) -> String {
        let parts = self.module.split("::");
        let found = parts.filter_map(|part| Some((part.get(..3)?, part.get(3..)?)));
        let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match found.into_iter().find(|(kind, rest)| ["rfc", "xep"].contains(kind) && number(rest)) {
            Some(("xep", rest)) => format!("XEP-{rest}"),
            Some((_, rest)) => format!("RFC {rest}"),
            None => String::new(),
        }
    }

    /// Is it about streams between servers?
    #[must_use]
    pub fn is_of_servers(&self) -> bool {
        self.needs.iter().any(|need| SERVER_PROFILES.contains(need))
    }

    /// The section that its file is named after: `4.9.3`.
    #[must_use]
    pub fn section(&self) -> String {
        let file = self.module.rsplit("::").next().unwrap_or_default();
        match file.strip_prefix("appendix_") {
            Some(letter) => format!("Appendix {}", letter.to_uppercase()),
            None => file.trim_start_matches("section_").replace('_', "."),
        }
    }

    /// The rule, as the function's documentation tells it.
    #[must_use]
    pub fn rule(&self) -> String {
        let function = format!("fn {}(", self.name);
        let mut lines: Vec<&str> = Vec::new();
        for line in self.source.lines() {
            if let Some(text) = line.strip_prefix("///") {
                lines.push(text.trim());
            } else if line.starts_with(&function) {
                return lines.join(" ").trim().to_owned();
            } else if !line.starts_with("#[") {
                lines.clear();
            }
        }
        String::new()
    }

    /// Does it belong to this section, or to one below it? Sections of its rows count, too.
    #[must_use]
    pub fn belongs_to(&self, section: &str) -> bool {
        let below = |other: &str| other == section || other.starts_with(&format!("{section}."));
        below(&self.section()) || self.proves.iter().any(|row| below(row))
    }

    /// Is the server of no use after it?
    #[must_use]
    pub fn ends_the_server(&self) -> bool {
        self.needs.iter().any(|need| matches!(need, Need::Admin(Verb::Stop | Verb::BreakStorage)))
    }

    /// The profile of the bundled server that it needs.
    #[must_use]
    pub fn profile(&self) -> Option<Need> {
        PROFILES.into_iter().find(|profile| self.needs.contains(profile))
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.section(), self.name)
    }
}

/// Writes a [`Case`] down: `case!(Must, function, ["4.9.3", "stream-error-generate"])`, and behind it what the
/// server must have, if anything: `, needs [Need::Alone, Need::Admin(Verb::Reload)]`.
#[macro_export]
macro_rules! case {
    ($level:ident, $function:ident, [$($row:literal),+ $(,)?] $(, needs [$($need:expr),+ $(,)?])? $(,)?) => {
        $crate::case::Case {
            name: stringify!($function),
            module: module_path!(),
            file: file!(),
            source: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../", file!())),
            level: $crate::case::Level::$level,
            proves: &[$($row),+],
            needs: &[$($($need),+)?],
            run: $function,
        }
    };
}
