//! From the keys of `[s2s]` to an [`S2s`]: names, ranges, and what must go together.

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use jabiru_s2s::resolve::{Host, Route};
use jabiru_s2s::{DomainPattern, Require};
use jabiru_stanza::DomainPart;

use super::{DIRECT_TLS_PORT, Exception, Limits, Resolver, S2s, STARTTLS_PORT};
use crate::config::Domain;
use crate::config::file::path_from;
use crate::config::listeners::{self, Listeners};
use crate::config::reader::Section;
use crate::host::{self, HostPort};

/// Reads the section `[s2s]` of a server that hosts these domains and takes elements of so many bytes.
pub(in crate::config) fn read(
    section: &mut Section<'_, '_>,
    folder: &Path,
    (hosted, element_bytes): (&[Domain], usize),
    listeners: &mut Listeners,
    s2s: &mut S2s,
) {
    section.boolean("enabled", &mut s2s.enabled);
    for (key, target) in [("starttls", &mut s2s.starttls), ("direct_tls", &mut s2s.direct_tls)] {
        if s2s.enabled {
            listeners.read(section, key, target);
        } else {
            // Nobody listens there.
            listeners::addresses(section, key, target);
        }
    }
    section.word("require", &REQUIRE, &mut s2s.require);
    section.boolean("require_tls", &mut s2s.require_tls);
    if let Some(files) = section.list("ca", "the path of a PEM file", &[], path_from(folder)) {
        s2s.ca = files.into_iter().map(|(_, path)| path).collect();
    }
    section.boolean("system_authorities", &mut s2s.system_authorities);
    read_lists(section, s2s);
    section.boolean("dane", &mut s2s.dane);
    section.boolean("posh", &mut s2s.posh);
    section.boolean("direct_tls_out", &mut s2s.direct_tls_out);
    section.boolean("bidirectional", &mut s2s.bidirectional);
    section.boolean("stream_management", &mut s2s.stream_management);
    section.section("resolver", |section| read_resolver(section, folder, &mut s2s.resolver));
    check(section, s2s.require, s2s.require_tls, s2s);
    section.section("route", |section| read_routes(section, hosted, &mut s2s.routes));
    read_exceptions(section, hosted, s2s);
    section.section("limits", |section| read_limits(section, element_bytes, &mut s2s.limits));
}

const REQUIRE: [(&str, Require); 3] =
    [("certificate", Require::Certificate), ("dialback", Require::Dialback), ("dane", Require::Dane)];

/// `allow` and `block`.
fn read_lists(section: &mut Section<'_, '_>, s2s: &mut S2s) {
    let expected = "a domain such as \"example.org\", or \"*.example.org\" for all below it";
    let mut list = |key| -> Vec<(usize, DomainPattern)> {
        section.list(key, expected, &[], |text| text.parse().ok()).unwrap_or_default()
    };
    let (allow, block) = (list("allow"), list("block"));
    for (offset, pattern) in &block {
        if allow.iter().any(|(_, allowed)| allowed == pattern) {
            section.conflict_at(*offset, "block", "it can't be both allowed and blocked");
        }
    }
    s2s.allow = allow.into_iter().map(|(_, pattern)| pattern).collect();
    s2s.block = block.into_iter().map(|(_, pattern)| pattern).collect();
}

fn read_resolver(section: &mut Section<'_, '_>, folder: &Path, resolver: &mut Resolver) {
    let expected = "the IP address of a name server, with or without a port, such as \"192.0.2.53\" or \"[::1]:5353\"";
    if let Some(list) = section.list("nameservers", expected, &[], nameserver) {
        resolver.nameservers = list.into_iter().map(|(_, address)| address).collect();
    }
    section.boolean("dnssec", &mut resolver.dnssec);
    let expected = "the path of a file with DNSKEY records";
    resolver.trust_anchor = section.string("trust_anchor", expected, path_from(folder));
    if resolver.trust_anchor.is_some() && !resolver.dnssec {
        section.conflict("trust_anchor", "nothing is validated by it while dnssec is false");
    }
    section.seconds("timeout_seconds", 1..=60, &mut resolver.timeout);
    section.integer("cache_entries", 0..=10_000_000, &mut resolver.cache_entries);
}

fn nameserver(text: &str) -> Option<SocketAddr> {
    const DNS_PORT: u16 = 53;
    let address = text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, DNS_PORT)));
    address.filter(|address| address.port() != 0)
}

/// The keys are domains, the values routes or lists of them.
fn read_routes(section: &mut Section<'_, '_>, hosted: &[Domain], routes: &mut BTreeMap<DomainPart, Vec<Route>>) {
    let expected = "\"HOST\", \"HOST:PORT\", a table with host, port and direct_tls, or a list of these";
    for written in section.names() {
        let targets = section.texts_or_tables(written, expected, route, read_route);
        let place = section.offset_of_name(written);
        let Ok(domain) = written.parse::<DomainPart>() else {
            section.conflict_at(place, written, "this is no domain");
            continue;
        };
        if section.is_empty_list(written) {
            section.conflict(written, "there is nothing to connect to; what is not wanted is in block");
        }
        refuse_hosted(section, place, written, &domain, hosted);
        if routes.insert(domain, targets).is_some() {
            section.conflict_at(place, written, "this domain is there twice");
        }
    }
}

fn route(text: &str) -> Option<Route> {
    let HostPort { host, port } = HostPort::parse(text).ok()?;
    Some(Route { host: machine(&host)?, port: port.unwrap_or(STARTTLS_PORT), direct_tls: false })
}

/// `None` for a name that DNS can't hold.
fn machine(host: &host::Host) -> Option<Host> {
    match host {
        host::Host::Name(name) => Host::of_domain(name).ok(),
        host::Host::Address(address) => Some(Host::Address(*address)),
    }
}

fn read_route(section: &mut Section<'_, '_>) -> Option<Route> {
    let expected = "a host name or an IP address";
    let host = section.string("host", expected, |text| machine(&host::Host::parse(text).ok()?));
    let (mut port, mut direct_tls) = (None, false);
    section.optional("port", 1..=65_535, &mut port);
    section.boolean("direct_tls", &mut direct_tls);
    if !section.has("host") {
        section.missing("host", expected);
    }
    let usual = if direct_tls { DIRECT_TLS_PORT } else { STARTTLS_PORT };
    Some(Route { host: host?, port: port.unwrap_or(usual), direct_tls })
}

/// The tables `[[s2s.domain]]`.
fn read_exceptions(section: &mut Section<'_, '_>, hosted: &[Domain], s2s: &mut S2s) {
    let expected = "the name of another domain such as \"example.net\"";
    let mut seen = HashSet::new();
    section.tables("domain", |section, present| {
        let name: Option<DomainPart> = section.string("name", expected, |name| name.parse().ok());
        let (mut require, mut require_tls) = (s2s.require, s2s.require_tls);
        section.word("require", &REQUIRE, &mut require);
        section.boolean("require_tls", &mut require_tls);
        if present && !section.has("name") {
            section.missing("name", expected);
        } else if present && !section.has("require") && !section.has("require_tls") {
            section.conflict("name", "nothing is different for it: neither require nor require_tls is there");
        }
        let Some(name) = name else { return };
        check(section, require, require_tls, s2s);
        let place = section.offset_of("name");
        refuse_hosted(section, place, "name", &name, hosted);
        if !seen.insert(name.clone()) {
            section.conflict("name", format!("{name} is there twice"));
        }
        s2s.exceptions.push(Exception {
            name,
            require: section.has("require").then_some(require),
            require_tls: section.has("require_tls").then_some(require_tls),
        });
    });
}

/// Whether what is required, here or for one domain, can be had.
fn check(section: &mut Section<'_, '_>, require: Require, require_tls: bool, s2s: &S2s) {
    if !s2s.enabled {
        return;
    }
    let key = if section.has("require") { "require" } else { "require_tls" };
    if section.has(key) && !require_tls && require != Require::Dialback {
        section.conflict(key, "a certificate can be shown over TLS alone: require \"dialback\", or TLS");
    }
    let dane = s2s.dane && s2s.resolver.dnssec;
    let authorities = s2s.system_authorities || !s2s.ca.is_empty();
    match require {
        Require::Dane if !dane => {
            section.conflict("require", "\"dane\" needs dane = true and resolver.dnssec = true");
        }
        // POSH rests on authorities too: its document is fetched by HTTPS.
        Require::Certificate if !dane && !authorities => {
            section.conflict("require", "nothing could prove a certificate: no authorities are trusted, and no DANE");
        }
        Require::Dane | Require::Certificate | Require::Dialback => {}
    }
}

fn refuse_hosted(section: &mut Section<'_, '_>, place: usize, key: &str, name: &DomainPart, hosted: &[Domain]) {
    if hosted.iter().any(|domain| domain.name == *name) {
        section.conflict_at(place, key, format!("{name} is hosted here, and never sought elsewhere"));
    }
}

fn read_limits(section: &mut Section<'_, '_>, element_bytes: usize, limits: &mut Limits) {
    section.integer("streams", 1..=10_000_000, &mut limits.streams);
    section.integer("incoming_per_address", 1..=10_000_000, &mut limits.incoming_per_address);
    section.integer("outgoing", 1..=10_000_000, &mut limits.outgoing);
    section.integer("pairs_per_stream", 1..=100_000, &mut limits.pairs_per_stream);
    section.integer("queue_bytes", 10_000..=1 << 32, &mut limits.queue_bytes);
    section.integer("total_queue_bytes", 10_000..=1 << 40, &mut limits.total_queue_bytes);
    let rate = 1..=i64::from(u32::MAX);
    section.optional("bytes_per_second", rate.clone(), &mut limits.bytes_per_second);
    section.integer("bytes_burst", rate.clone(), &mut limits.bytes_burst);
    section.optional("stanzas_per_second", rate.clone(), &mut limits.stanzas_per_second);
    section.integer("stanzas_burst", rate, &mut limits.stanzas_burst);
    section.seconds("connect_timeout_seconds", 1..=600, &mut limits.connect_timeout);
    section.seconds("negotiation_timeout_seconds", 1..=3600, &mut limits.negotiation_timeout);
    section.optional_seconds("idle_timeout_seconds", 1..=604_800, &mut limits.idle_timeout);
    let waits = (&mut limits.retry_after, &mut limits.longest_retry_after);
    section.seconds_from_to("retry_after_seconds", 1..=86_400, waits);
    section.integer("unacknowledged_stanzas", 1..=1_000_000, &mut limits.unacknowledged_stanzas);
    section.integer("unacknowledged_bytes", 10_000..=1 << 32, &mut limits.unacknowledged_bytes);
    section.seconds("resumption_seconds", 0..=86_400, &mut limits.resumption);
    if limits.incoming_per_address > limits.streams && section.has("incoming_per_address") {
        let reason = format!("more than the {} streams there may be altogether", limits.streams);
        section.conflict("incoming_per_address", reason);
    }
    if limits.queue_bytes > limits.total_queue_bytes {
        let key = if section.has("queue_bytes") { "queue_bytes" } else { "total_queue_bytes" };
        let (one, all) = (limits.queue_bytes, limits.total_queue_bytes);
        section.conflict(key, format!("one queue ({one}) would be larger than all of them together ({all})"));
    }
    // An element that may be received must also fit where it waits to be sent on.
    for (key, bytes) in [("queue_bytes", limits.queue_bytes), ("unacknowledged_bytes", limits.unacknowledged_bytes)] {
        if bytes < element_bytes {
            let reason = format!(
                "{bytes} must be at least limits.element_bytes ({element_bytes}), or the longest stanza never leaves"
            );
            section.conflict(key, reason);
        }
    }
}
