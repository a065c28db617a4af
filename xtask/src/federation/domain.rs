//! The domains of the test: whose they are, what each is there for, and so its certificate and its DNS records.
//!
//! A server hosts many domains at once, each with a trait of its own, so that one run of each server is enough for all
//! checks: a stream between two servers belongs to a pair of domains, and what it needs is asked for by domain.

use super::network::SILENT;

/// Where servers begin with TLS by STARTTLS, and where they begin with TLS (XEP-0368).
pub(crate) const STARTTLS_PORT: u16 = 5269;
pub(crate) const DIRECT_TLS_PORT: u16 = 5270;
/// Where nobody listens.
pub(super) const CLOSED_PORT: u16 = 5299;

/// Does not exist.
pub(super) const NOWHERE: &str = "nowhere.example";
/// Says that it has no server (RFC 6120 §3.2.1: a target of ".").
pub(super) const NO_SERVICE: &str = "none.example";
/// Has a server that does not listen.
pub(super) const DEAD: &str = "dead.example";

/// A program that servers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Software {
    Jabiru,
    Prosody,
    Ejabberd,
}

/// A server of the test, by the name of its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Party {
    Jabiru,
    /// Another one of ours.
    Second,
    Prosody,
    SecondProsody,
    Ejabberd,
    SecondEjabberd,
}

impl Party {
    /// Two servers of a kind.
    pub(crate) fn two(software: Software) -> [Party; 2] {
        match software {
            Software::Jabiru => [Party::Jabiru, Party::Second],
            Software::Prosody => [Party::Prosody, Party::SecondProsody],
            Software::Ejabberd => [Party::Ejabberd, Party::SecondEjabberd],
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Party::Jabiru => "jabiru",
            Party::Second => "second",
            Party::Prosody => "prosody",
            Party::SecondProsody => "prosody2",
            Party::Ejabberd => "ejabberd",
            Party::SecondEjabberd => "ejabberd2",
        }
    }

    pub(crate) fn software(self) -> Software {
        match self {
            Party::Jabiru | Party::Second => Software::Jabiru,
            Party::Prosody | Party::SecondProsody => Software::Prosody,
            Party::Ejabberd | Party::SecondEjabberd => Software::Ejabberd,
        }
    }

    pub(crate) fn is_ours(self) -> bool {
        self.software() == Software::Jabiru
    }
}

/// What a domain is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// As it should be: a certificate of the test's authority, one SRV record.
    Plain,
    /// Another one of the same server.
    Two,
    /// Found by `_xmpps-server` first.
    Direct,
    /// Found by the second try: the first target refuses connections. Of the others the weight and the priority decide.
    Targets,
    /// Found by the second try: the first target does not answer.
    Silent,
    /// Without SRV records: found by its addresses (RFC 6120 §3.2.2).
    Address,
    /// With letters beyond ASCII.
    International,
    /// A self-signed certificate: for dialback.
    Dialback,
    /// A self-signed certificate that DNSSEC vouches for (RFC 7673).
    Dane,
    /// A self-signed certificate, and DNSSEC vouches for another.
    DaneOther,
    /// A self-signed certificate that DNS names, without DNSSEC.
    DaneUnsigned,
    /// A self-signed certificate that the domain's web server vouches for (RFC 7711).
    Posh,
    /// A self-signed certificate, and the web server vouches for another.
    PoshOther,
    /// Its zone is signed by the wrong key.
    Bogus,
    /// A certificate of an authority that nobody trusts.
    Stranger,
    /// A certificate that has ended.
    Expired,
    /// A certificate for another domain.
    OtherName,
    /// Found, but not hosted there.
    NotHosted,
}

impl Purpose {
    pub(crate) const ALL: [Purpose; 18] = [
        Purpose::Plain,
        Purpose::Two,
        Purpose::Direct,
        Purpose::Targets,
        Purpose::Silent,
        Purpose::Address,
        Purpose::International,
        Purpose::Dialback,
        Purpose::Dane,
        Purpose::DaneOther,
        Purpose::DaneUnsigned,
        Purpose::Posh,
        Purpose::PoshOther,
        Purpose::Bogus,
        Purpose::Stranger,
        Purpose::Expired,
        Purpose::OtherName,
        Purpose::NotHosted,
    ];

    fn label(self) -> &'static str {
        match self {
            Purpose::Plain => "",
            Purpose::Two => "two.",
            Purpose::Direct => "direct.",
            Purpose::Targets => "targets.",
            Purpose::Silent => "silent.",
            Purpose::Address => "address.",
            Purpose::International => "bücher.",
            Purpose::Dialback => "dialback.",
            Purpose::Dane => "dane.",
            Purpose::DaneOther => "dane-other.",
            Purpose::DaneUnsigned => "dane-unsigned.",
            Purpose::Posh => "posh.",
            Purpose::PoshOther => "posh-other.",
            Purpose::Bogus => "bogus.",
            Purpose::Stranger => "stranger.",
            Purpose::Expired => "expired.",
            Purpose::OtherName => "other.",
            Purpose::NotHosted => "nobody.",
        }
    }

    pub(super) fn zone(self) -> Zone {
        match self {
            Purpose::DaneUnsigned => Zone::Unsigned,
            Purpose::Bogus => Zone::Bogus,
            _ => Zone::Example,
        }
    }

    pub(super) fn certificate(self) -> Certificate {
        match self {
            Purpose::Dialback
            | Purpose::Dane
            | Purpose::DaneOther
            | Purpose::DaneUnsigned
            | Purpose::Posh
            | Purpose::PoshOther => Certificate::SelfSigned,
            Purpose::Stranger => Certificate::Stranger,
            Purpose::Expired => Certificate::Expired,
            Purpose::OtherName => Certificate::OtherName,
            Purpose::NotHosted => Certificate::None,
            _ => Certificate::Authority,
        }
    }

    /// Which key DNS names for the domain's server.
    pub(super) fn tlsa(self) -> Option<Named> {
        match self {
            Purpose::Dane | Purpose::DaneUnsigned => Some(Named::Right),
            Purpose::DaneOther => Some(Named::Wrong),
            _ => None,
        }
    }

    /// Which certificate the web server names for the domain's server.
    pub(super) fn posh(self) -> Option<Named> {
        match self {
            Purpose::Posh => Some(Named::Right),
            Purpose::PoshOther => Some(Named::Wrong),
            _ => None,
        }
    }
}

/// Whose signature a certificate has, and other faults of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certificate {
    Authority,
    SelfSigned,
    Stranger,
    Expired,
    OtherName,
    None,
}

/// Is what is published of a server's certificate so?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Right,
    Wrong,
}

/// The zones below the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    Example,
    /// Not signed, and its parent says so.
    Unsigned,
    /// Signed by another key than its parent says.
    Bogus,
}

impl Zone {
    pub(super) fn name(self) -> &'static str {
        match self {
            Zone::Example => "example",
            Zone::Unsigned => "unsigned.example",
            Zone::Bogus => "bogus.example",
        }
    }
}

/// One domain of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Domain {
    pub(crate) party: Party,
    pub(crate) purpose: Purpose,
}

impl Domain {
    /// All that `party` hosts.
    pub(crate) fn hosted_by(party: Party) -> impl Iterator<Item = Domain> {
        Purpose::ALL
            .into_iter()
            .filter(|purpose| purpose.certificate() != Certificate::None)
            .map(move |purpose| Domain { party, purpose })
    }

    /// Its name in addresses of XMPP.
    pub(crate) fn name(self) -> String {
        format!("{}{}.{}", self.purpose.label(), self.party.name(), self.purpose.zone().name())
    }

    /// Its name in DNS and certificates.
    pub(crate) fn ascii(self) -> String {
        self.name().replace("bücher", "xn--bcher-kva")
    }

    /// The lines that its zone has for it; `key` is the SHA-256 of its server's public key, in hexadecimal.
    pub(super) fn records(self, addresses: &Addresses, key: &str) -> Vec<String> {
        let (name, server) = (self.ascii(), format!("{}.host.example", self.party.name()));
        let srv = |service: &str, priority: u16, weight: u16, port: u16, target: &str| {
            format!("_{service}._tcp.{name}. SRV {priority} {weight} {port} {target}.")
        };
        let mut lines = Vec::new();
        let own_addresses = |lines: &mut Vec<String>| {
            lines.push(format!("{name}. A {}", addresses.v4));
            lines.push(format!("{name}. AAAA {}", addresses.v6));
        };
        match self.purpose {
            Purpose::Plain
            | Purpose::Two
            | Purpose::International
            | Purpose::Dialback
            | Purpose::Stranger
            | Purpose::Expired
            | Purpose::OtherName
            | Purpose::NotHosted => lines.push(srv("xmpp-server", 0, 0, STARTTLS_PORT, &server)),
            Purpose::Direct => {
                lines.push(srv("xmpps-server", 0, 0, DIRECT_TLS_PORT, &server));
                // Not every server looks for the other.
                lines.push(srv("xmpp-server", 10, 0, STARTTLS_PORT, &server));
            }
            Purpose::Targets => {
                lines.push(srv("xmpp-server", 5, 0, CLOSED_PORT, &server));
                lines.push(srv("xmpp-server", 10, 3, STARTTLS_PORT, &format!("v4.{server}")));
                lines.push(srv("xmpp-server", 10, 1, STARTTLS_PORT, &format!("v6.{server}")));
                lines.push(srv("xmpp-server", 20, 0, STARTTLS_PORT, &format!("second.{server}")));
            }
            Purpose::Silent => {
                lines.push(srv("xmpp-server", 0, 0, STARTTLS_PORT, "silent.host.example"));
                lines.push(srv("xmpp-server", 1, 0, STARTTLS_PORT, &server));
            }
            Purpose::Address => own_addresses(&mut lines),
            Purpose::Dane | Purpose::DaneOther | Purpose::DaneUnsigned => {
                lines.push(srv("xmpp-server", 0, 0, STARTTLS_PORT, &name));
                own_addresses(&mut lines);
            }
            Purpose::Posh | Purpose::PoshOther => {
                lines.push(srv("xmpp-server", 0, 0, STARTTLS_PORT, &server));
                lines.push(format!("{name}. A {}", addresses.web));
            }
            Purpose::Bogus => {
                lines.push(srv("xmpp-server", 0, 0, STARTTLS_PORT, &name));
                own_addresses(&mut lines);
            }
        }
        if let Some(tlsa) = self.purpose.tlsa() {
            let key = match tlsa {
                Named::Right => key.to_owned(),
                Named::Wrong => "0".repeat(key.len()),
            };
            // Usage 3 (DANE-EE), selector 1 (the public key), matching type 1 (SHA-256): RFC 6698 §2.1.
            lines.push(format!("_{STARTTLS_PORT}._tcp.{name}. TLSA 3 1 1 {key}"));
        }
        lines
    }
}

/// Where a server is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    pub(super) v4: std::net::Ipv4Addr,
    pub(super) second_v4: std::net::Ipv4Addr,
    pub(super) v6: std::net::Ipv6Addr,
    /// Of the web server of all domains.
    pub(super) web: std::net::Ipv4Addr,
}

/// The names of the hosts themselves.
pub(super) fn host_records(party: Party, addresses: &Addresses) -> Vec<String> {
    let server = format!("{}.host.example", party.name());
    let Addresses { v4, second_v4, v6, .. } = addresses;
    vec![
        format!("{server}. A {v4}"),
        format!("{server}. AAAA {v6}"),
        format!("v4.{server}. A {v4}"),
        format!("v6.{server}. AAAA {v6}"),
        format!("second.{server}. A {second_v4}"),
    ]
}

/// The names that are nobody's.
pub(super) fn common_records(nameserver: std::net::Ipv4Addr) -> Vec<String> {
    vec![
        format!("silent.host.example. A {SILENT}"),
        format!("nobody.host.example. A {nameserver}"),
        format!("_xmpp-server._tcp.{NO_SERVICE}. SRV 0 0 0 ."),
        format!("_xmpps-server._tcp.{NO_SERVICE}. SRV 0 0 0 ."),
        format!("_xmpp-server._tcp.{DEAD}. SRV 0 0 {CLOSED_PORT} nobody.host.example."),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_lie_in_their_zone() {
        let mut names = Vec::new();
        let parties = [Software::Jabiru, Software::Prosody, Software::Ejabberd].map(Party::two).concat();
        for party in parties {
            for purpose in Purpose::ALL {
                let domain = Domain { party, purpose };
                assert!(domain.ascii().is_ascii());
                assert!(domain.name().ends_with(&format!(".{}", purpose.zone().name())));
                names.push(domain.ascii());
            }
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
