//! From the file's keys to a [`Config`]: names, ranges, and what must go together.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jabiru_negotiation::Mechanism;
use jabiru_stanza::DomainPart;
use toml_edit::Document;

use super::listeners::Listeners;
use super::problem::{ConfigError, Fault, Problem};
use super::reader::{Reader, Section, one_of};
use super::s2s;
use super::{
    C2s, CertificateFiles, Config, Domain, Guesses, Limits, Log, LogFormat, ResourceConflict, StorageEngine, Tls,
    TooFast,
};

/// See [`Config::load`].
pub(super) fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = read(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&text, folder).map_err(|problems| ConfigError::Invalid { path: path.to_owned(), problems })
}

/// See [`Config::data_directory_of`].
pub(super) fn data_directory(path: &Path) -> Result<PathBuf, ConfigError> {
    let error = match load(path) {
        Ok(config) => return Ok(config.data_directory),
        Err(error) => error,
    };
    let Ok(text) = read(path) else { return Err(error) };
    let Ok(document) = Document::parse(text.as_str()) else { return Err(error) };
    let folder = path.parent().unwrap_or(Path::new(""));
    let written = match document.get("data_directory") {
        Some(item) => item.as_str().and_then(path_from(folder)),
        None => Some(folder.join(Config::default().data_directory)),
    };
    written.ok_or(error)
}

/// Reads `text`, with relative paths from `folder`; or tells all that is wrong.
pub(super) fn parse(text: &str, folder: &Path) -> Result<Config, Vec<Problem>> {
    let mut reader = Reader::new(text);
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let message = error.message().lines().collect::<Vec<_>>().join("; ");
            reader.fault(error.span().unwrap_or_default().start, Fault::Syntax { message });
            return Err(reader.finish());
        }
    };
    let mut config = Config::default();
    reader.document(document.as_table(), |root| read_root(root, folder, &mut config));
    let problems = reader.finish();
    if problems.is_empty() { Ok(config) } else { Err(problems) }
}

/// Every key that there is.
#[cfg(test)]
pub(super) fn known_keys() -> std::collections::BTreeSet<String> {
    let document = Document::parse("").expect("nothing is TOML");
    let mut reader = Reader::new("");
    let mut config = Config::default();
    reader.document(document.as_table(), |root| read_root(root, Path::new(""), &mut config));
    reader.known().clone()
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other(format!("it has more than {MAX_FILE_BYTES} bytes")));
    }
    Ok(text)
}

/// No configuration is that long: it is some other file.
const MAX_FILE_BYTES: u64 = 1 << 20;

fn read_root(root: &mut Section<'_, '_>, folder: &Path, config: &mut Config) {
    read_domains(root, folder, &mut config.domains);
    let directory = root.string("data_directory", "the path of a folder", path_from(folder));
    config.data_directory = directory.unwrap_or_else(|| folder.join(&config.data_directory));
    root.section("log", |section| read_log(section, &mut config.log));
    let mut listeners = Listeners::default();
    root.section("c2s", |section| read_c2s(section, folder, &mut listeners, &mut config.c2s));
    root.section("tls", |section| read_tls(section, &mut config.tls));
    root.section("limits", |section| read_limits(section, &mut config.limits));
    let known = (config.domains.as_slice(), config.limits.element_bytes);
    root.section("s2s", |section| s2s::read(section, folder, known, &mut listeners, &mut config.s2s));
    root.section("guesses", |section| read_guesses(section, &mut config.guesses));
    root.section("features", |section| {
        section.boolean("password_change", &mut config.features.password_change);
        section.boolean("account_cancellation", &mut config.features.account_cancellation);
    });
    root.section("storage", |section| {
        section.word("engine", &[("sqlite", StorageEngine::Sqlite)], &mut config.storage.engine);
        section.seconds("timeout_seconds", 1..=600, &mut config.storage.timeout);
    });
    root.section("shutdown", |section| {
        section.seconds("timeout_seconds", 1..=600, &mut config.shutdown.timeout);
    });
}

/// The names in `domains`, then the tables `[[domain]]`.
fn read_domains(root: &mut Section<'_, '_>, folder: &Path, domains: &mut Vec<Domain>) {
    let expected = "a domain name such as \"im.example\"";
    let mut named: Vec<(usize, Domain)> = Vec::new();
    for (offset, domain) in root.list("domains", expected, &[], Domain::new).unwrap_or_default() {
        named.push((offset, domain));
    }
    root.tables("domain", |section, present| {
        let name: Option<DomainPart> = section.string("name", expected, |name| name.parse().ok());
        let certificate = read_certificate(section, folder);
        match name {
            Some(name) => named.push((section.offset_of("name"), Domain { name, certificate })),
            None if present && !section.has("name") => section.missing("name", expected),
            None => {}
        }
    });
    let mut seen = HashSet::new();
    for (offset, domain) in &named {
        if !seen.insert(domain.name.as_str()) {
            root.conflict_at(*offset, "domains", format!("{} is there twice", domain.name));
        }
    }
    if root.has("domains") || root.has("domain") {
        if root.is_empty_list("domains") && !root.has("domain") {
            root.conflict("domains", "no domain to host; name at least one");
        }
        *domains = named.into_iter().map(|(_, domain)| domain).collect();
    }
}

fn read_certificate(section: &mut Section<'_, '_>, folder: &Path) -> Option<CertificateFiles> {
    let expected = "the path of a PEM file";
    let certificate = section.string("certificate", expected, path_from(folder));
    let key = section.string("key", expected, path_from(folder));
    match (section.has("certificate"), section.has("key")) {
        (true, false) => section.missing("key", "the path of the certificate's private key, a PEM file"),
        (false, true) => section.missing("certificate", "the path of the key's certificate chain, a PEM file"),
        (true, true) | (false, false) => {}
    }
    Some(CertificateFiles { certificate: certificate?, key: key? })
}

fn read_log(section: &mut Section<'_, '_>, log: &mut Log) {
    let formats = [("human", LogFormat::Human), ("json", LogFormat::Json)];
    section.word("format", &formats, &mut log.format);
    let expected = format!("{}, or that followed by exceptions as in \"info,jabiru_c2s=debug\"", one_of(&LEVELS));
    if let Some(level) = section.string("level", &expected, log_level) {
        log.level = level;
    }
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A level for everything, then `module=level` as often as wanted.
fn log_level(text: &str) -> Option<String> {
    let mut parts = text.split(',').map(str::trim);
    let mut valid = parts.next().is_some_and(|level| LEVELS.contains(&level));
    for part in parts {
        let is_module = |module: &str| {
            !module.is_empty() && module.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
        };
        valid &= part.split_once('=').is_some_and(|(module, level)| is_module(module) && LEVELS.contains(&level));
    }
    valid.then(|| text.split(',').map(str::trim).collect::<Vec<_>>().join(","))
}

fn read_c2s(section: &mut Section<'_, '_>, folder: &Path, listeners: &mut Listeners, c2s: &mut C2s) {
    listeners.read(section, "starttls", &mut c2s.starttls);
    listeners.read(section, "direct_tls", &mut c2s.direct_tls);
    if section.is_empty_list("starttls") && section.is_empty_list("direct_tls") {
        section.conflict("starttls", "no listener is left: both starttls and direct_tls are empty");
    }

    section.boolean("require_tls", &mut c2s.require_tls);
    section.boolean("plain_without_tls", &mut c2s.plain_without_tls);
    if c2s.plain_without_tls && c2s.require_tls {
        section.conflict("plain_without_tls", "nothing goes without TLS while require_tls is true");
    }
    read_mechanisms(section, &mut c2s.mechanisms);
    c2s.client_certificates = section.string("client_certificates", "the path of a PEM file", path_from(folder));
    let external = c2s.mechanisms.contains(&Mechanism::External);
    if external && c2s.client_certificates.is_none() && !section.has("client_certificates") {
        section.conflict("mechanisms", "EXTERNAL needs client_certificates, the authorities to trust");
    }
    if !external && c2s.client_certificates.is_some() {
        section.conflict("client_certificates", "nobody can log in with them: EXTERNAL is not among the mechanisms");
    }
    let conflicts = [
        ("replace", ResourceConflict::Replace),
        ("refuse", ResourceConflict::Refuse),
        ("assign", ResourceConflict::Assign),
    ];
    section.word("resource_conflict", &conflicts, &mut c2s.resource_conflict);
}

fn read_mechanisms(section: &mut Section<'_, '_>, target: &mut Vec<Mechanism>) {
    let names: Vec<_> = Mechanism::DEFAULT.map(Mechanism::name).into_iter().chain(["EXTERNAL", "ANONYMOUS"]).collect();
    let Some(list) = section.list("mechanisms", &one_of(&names), &names, Mechanism::from_name) else { return };
    for (index, (offset, mechanism)) in list.iter().enumerate() {
        if list[..index].iter().any(|(_, earlier)| earlier == mechanism) {
            section.conflict_at(*offset, "mechanisms", format!("{mechanism} is there twice"));
        }
    }
    *target = list.into_iter().map(|(_, mechanism)| mechanism).collect();
    if section.is_empty_list("mechanisms") {
        section.conflict("mechanisms", "without a mechanism nobody can log in");
    }
}

fn read_limits(section: &mut Section<'_, '_>, limits: &mut Limits) {
    section.integer("connections", 1..=10_000_000, &mut limits.connections);
    section.integer("connections_per_address", 1..=10_000_000, &mut limits.connections_per_address);
    section.optional("connection_attempts_per_minute", 1..=10_000_000, &mut limits.connection_attempts_per_minute);
    section.integer("unauthenticated_connections", 1..=10_000_000, &mut limits.unauthenticated_connections);
    let per_address = &mut limits.unauthenticated_connections_per_address;
    section.integer("unauthenticated_connections_per_address", 1..=10_000_000, per_address);
    // A stream header, or a SASL response with a long channel binding, needs some 4 KiB.
    let before = "element_bytes_before_authentication";
    section.integer(before, 4096..=1 << 20, &mut limits.element_bytes_before_authentication);
    // RFC 6120 §13.12: no less than 10,000. Above 256 MiB the reader's index ends.
    section.integer("element_bytes", 10_000..=1 << 28, &mut limits.element_bytes);
    section.seconds("negotiation_timeout_seconds", 1..=3600, &mut limits.negotiation_timeout);
    section.integer("authentication_attempts", 1..=100, &mut limits.authentication_attempts);
    section.integer("streams_per_account", 1..=10_000, &mut limits.streams_per_account);
    section.integer("anonymous_streams", 1..=10_000_000, &mut limits.anonymous_streams);
    section.integer("outbox_bytes", 10_000..=1 << 32, &mut limits.outbox_bytes);
    let rate = 1..=i64::from(u32::MAX);
    section.optional("bytes_per_second", rate.clone(), &mut limits.bytes_per_second);
    section.integer("bytes_burst", rate.clone(), &mut limits.bytes_burst);
    section.optional("stanzas_per_second", rate.clone(), &mut limits.stanzas_per_second);
    section.integer("stanzas_burst", rate, &mut limits.stanzas_burst);
    let too_fast = [("slow", TooFast::Slow), ("close", TooFast::Close)];
    section.word("too_fast", &too_fast, &mut limits.too_fast);
    section.optional("recipients_per_minute", 1..=100_000, &mut limits.recipients_per_minute);
    section.optional_seconds("whitespace_interval_seconds", 1..=86_400, &mut limits.whitespace_interval);
    section.optional_seconds("idle_timeout_seconds", 1..=86_400, &mut limits.idle_timeout);
    section.seconds("ping_timeout_seconds", 1..=3600, &mut limits.ping_timeout);
    section.optional_seconds("tcp_keepalive_seconds", 1..=32_767, &mut limits.tcp_keepalive);
    section.optional_seconds("tcp_user_timeout_seconds", 1..=86_400, &mut limits.tcp_user_timeout);
    section.seconds("stall_timeout_seconds", 1..=3600, &mut limits.stall_timeout);
    section.seconds("closing_timeout_seconds", 1..=600, &mut limits.closing_timeout);

    if limits.connections_per_address > limits.connections && section.has("connections_per_address") {
        let reason = format!("more than the {} connections there may be altogether", limits.connections);
        section.conflict("connections_per_address", reason);
    }
    let (few, many) = (limits.unauthenticated_connections_per_address, limits.unauthenticated_connections);
    if few > many && section.has("unauthenticated_connections_per_address") {
        let reason = format!("more than the {many} of them that there may be altogether");
        section.conflict("unauthenticated_connections_per_address", reason);
    }
    let closes = limits.too_fast == TooFast::Close && limits.bytes_per_second.is_some();
    if closes && (limits.bytes_burst as usize) < limits.element_bytes {
        let key = if section.has("bytes_burst") { "bytes_burst" } else { "element_bytes" };
        let least = limits.element_bytes;
        let reason = format!("must be at least element_bytes ({least}), or the longest stanza ends its stream");
        section.conflict(key, if key == "bytes_burst" { reason } else { format!("bytes_burst {reason}") });
    }
    // An element that may be received must also fit where it waits to be sent.
    if limits.outbox_bytes < limits.element_bytes {
        let key = if section.has("outbox_bytes") { "outbox_bytes" } else { "element_bytes" };
        let reason = format!(
            "outbox_bytes ({}) must be at least element_bytes ({}), or the longest stanza never arrives",
            limits.outbox_bytes, limits.element_bytes
        );
        section.conflict(key, reason);
    }
}

fn read_tls(section: &mut Section<'_, '_>, tls: &mut Tls) {
    const DAY: u64 = 24 * 3600;
    let mut warn = Some(tls.warn_before_expiry);
    section.optional_time("warn_before_expiry_days", 1..=3650, DAY, &mut warn);
    tls.warn_before_expiry = warn.unwrap_or_default();
    let restart = &mut tls.restart_streams_before_expiry;
    section.optional_time("restart_streams_before_expiry_hours", 1..=8760, 3600, restart);
}

fn read_guesses(section: &mut Section<'_, '_>, guesses: &mut Guesses) {
    const MOST: i64 = 1_000_000;
    section.boolean("throttled", &mut guesses.throttled);
    for (free_key, free, key, bound) in [
        (
            "of_account_from_address_free",
            &mut guesses.of_account_from_address_free,
            "of_account_from_address",
            &mut guesses.of_account_from_address,
        ),
        ("from_address_free", &mut guesses.from_address_free, "from_address", &mut guesses.from_address),
        ("of_account_free", &mut guesses.of_account_free, "of_account", &mut guesses.of_account),
    ] {
        section.integer(free_key, 0..=MOST, free);
        section.integer(key, 1..=MOST, bound);
        if free > bound {
            let key = if section.has(free_key) { free_key } else { key };
            section.conflict(key, format!("{free} without effect are more than the {bound} of the bound"));
        }
    }
    section.seconds("longest_delay_seconds", 0..=60, &mut guesses.longest_delay);
    section.seconds("longest_wait_seconds", 0..=60, &mut guesses.longest_wait);
    let mut trust = Some(guesses.trust);
    section.optional_time("trust_days", 1..=3650, 24 * 3600, &mut trust);
    guesses.trust = trust.unwrap_or_default();
    section.integer("remembered", 1_000..=100_000_000, &mut guesses.remembered);
}

/// Reads a path that starts at `folder` if it is relative.
pub(super) fn path_from(folder: &Path) -> impl Fn(&str) -> Option<PathBuf> {
    move |path| (!path.is_empty()).then(|| folder.join(path))
}
