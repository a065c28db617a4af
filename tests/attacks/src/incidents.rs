//! What happened to servers and clients elsewhere, and which cases repeat it here.

use std::fmt::Write;

/// Something that happened, or a class of such things.
#[derive(Clone, Copy, Debug)]
pub struct Incident {
    /// Its number, from 1 on without a gap.
    pub number: usize,
    /// Where it happened, and what.
    pub what: &'static str,
    /// The cases that repeat it: names of tests.
    pub cases: &'static [&'static str],
    /// What of it, or all of it, can't be tried yet, because there is nothing here that it could happen to. It
    /// comes alive together with that.
    pub not_yet: Option<&'static str>,
}

const fn case(number: usize, what: &'static str, cases: &'static [&'static str]) -> Incident {
    Incident { number, what, cases, not_yet: None }
}

const fn partly(number: usize, what: &'static str, cases: &'static [&'static str], rest: &'static str) -> Incident {
    Incident { number, what, cases, not_yet: Some(rest) }
}

const fn not_yet(number: usize, what: &'static str, reason: &'static str) -> Incident {
    Incident { number, what, cases: &[], not_yet: Some(reason) }
}

/// All of them.
pub const INCIDENTS: [Incident; 43] = [
    case(
        1,
        "Billion laughs: ejabberd (CVE-2011-1753), jabberd2 (CVE-2011-1755), DJabberd (CVE-2011-1757)",
        &["parser::entity_bomb", "parser::restricted_xml"],
    ),
    partly(
        2,
        "Prosody: document types in XML that came by other ways than a stream (CVE-2022-0217)",
        &["parser::restricted_xml"],
        "WebSocket, BOSH, HTTP and imports: there are none; XML is read from streams alone",
    ),
    case(
        3,
        "Prosody: memory many times the bytes sent, before authentication (CVE-2026-43507)",
        &["parser::amplification_before_authentication", "server_floods::what_never_ends_between_servers"],
    ),
    case(
        4,
        "Prosody: memory lost with unauthenticated connections (CVE-2026-43506)",
        &["load::connections_that_come_to_nothing", "server_floods::connections_of_servers_that_come_to_nothing"],
    ),
    case(
        5,
        "Prosody: a stanza that never ends (CVE-2021-32918)",
        &["parser::what_never_ends", "parser::flood_after_the_end", "server_floods::what_never_ends_between_servers"],
    ),
    case(
        6,
        "Stanza smuggling: Zoom (CVE-2022-22784 to -22787), expat (CVE-2022-25235, -25236), Cisco Jabber (CVE-2022-20917)",
        &[
            "relayed::odd_stanzas_arrive_as_they_were_sent",
            "relayed::prefixes_of_the_header_stay_in_their_stream",
            "relayed::what_is_no_text_is_refused",
        ],
    ),
    case(
        7,
        "Thunderbird: attributes written without escaping (CVE-2026-113867)",
        &["relayed::what_is_reflected_is_escaped", "relayed::stream_headers_reflect_nothing_hostile"],
    ),
    case(
        8,
        "xmppbomb: stream compression as a bomb (CVE-2014-2741, -2745, -2829)",
        &["negotiation::what_is_not_offered_is_not_taken"],
    ),
    case(9, "Tigase: XML that is not well-formed was routed (xmltools #16)", &["parser::not_well_formed"]),
    case(
        10,
        "aioxmpp: after a parser error, data in another context (CVE-2019-1000007)",
        &["parser::error_within_a_stanza_leaves_nothing"],
    ),
    partly(
        11,
        "ejabberd: a request without an attribute ran for ever (CVE-2011-4320)",
        &["requests::every_request_is_answered_once"],
        "pubsub itself",
    ),
    case(
        12,
        "STARTTLS injection (class of CVE-2011-0411)",
        &[
            "negotiation::plaintext_behind_starttls",
            "server_tls::plaintext_behind_starttls_of_servers",
            "server_tls::plaintext_behind_proceed",
        ],
    ),
    case(
        13,
        "ejabberd: TLS was required, and got around (CVE-2014-8760)",
        &[
            "negotiation::nothing_goes_without_tls",
            "negotiation::no_stage_is_skipped",
            "server_tls::nothing_of_servers_goes_without_tls",
            "server_tls::tls_is_required_of_all_others",
        ],
    ),
    case(
        14,
        "Smack: went on in clear when STARTTLS was not offered (CVE-2016-10027)",
        &["server_tls::tls_that_is_taken_away"],
    ),
    case(
        15,
        "Prosody: renegotiation of TLS for CPU time (CVE-2021-32920)",
        &[
            "tls::renegotiation",
            "tls::handshakes_that_are_never_finished",
            "load::passwords_to_be_checked_at_once",
            "server_floods::connections_of_servers_that_come_to_nothing",
        ],
    ),
    case(
        16,
        "Prosody 0.11.8: tls-unique under TLS 1.3",
        &["sasl::channel_bindings_on_offer", "spoofed::authorization_identities_of_servers"],
    ),
    partly(
        17,
        "jabber.ru 2023: a relay with a rogue but valid certificate, for 90 days",
        &[
            "sasl::relay_with_another_certificate",
            "server_certificates::certificates_of_initiating_servers",
            "server_certificates::certificates_of_receiving_servers",
        ],
        "a hash of the mechanisms on offer within SCRAM (XEP-0474), by which a client learns of other removals than \
         that of -PLUS",
    ),
    case(
        18,
        "Openfire: certificates of others accepted (CVE-2014-3451, CVE-2025-59154, OF-3122, OF-3159)",
        &[
            "tls::certificates_of_clients_prove_nothing",
            "external::certificates_of_clients",
            "external::addresses_in_certificates",
            "external::certificates_without_their_key_or_without_end",
            "external::certificates_that_held_once",
            "server_certificates::certificates_of_initiating_servers",
            "server_certificates::certificates_of_receiving_servers",
        ],
    ),
    partly(
        19,
        "Prosody: another domain after authentication (CVE-2018-10847)",
        &[
            "negotiation::the_domain_of_a_stream_stays",
            "spoofed::the_domains_of_a_stream_stay",
            "management::streams_of_other_domains_are_not_resumed",
        ],
        "resumption of client streams: there is none",
    ),
    partly(
        20,
        "ejabberd 26.07: PLAIN with an authorization identity opened another user's session",
        &[
            "sasl::authorization_identity_with_plain",
            "sasl::authorization_identity_with_scram",
            "external::addresses_in_certificates",
            "spoofed::authorization_identities_of_servers",
        ],
        "SASL2 and FAST",
    ),
    case(
        21,
        "jabberd2: ANONYMOUS although disabled (CVE-2017-10807); Openfire: mechanisms not offered (OF-3273)",
        &["sasl::mechanisms_that_are_not_offered", "accounts::guests_are_nobody"],
    ),
    case(
        22,
        "Secrets compared in other than constant time: Prosody (CVE-2021-32921), Openfire (OF-3257), ejabberd 26.07",
        &["source::secrets_are_compared_in_constant_time", "source::the_lint_finds_what_it_should"],
    ),
    case(
        23,
        "Openfire: SCRAM tells which accounts exist (OF-3258)",
        &["sasl::who_exists_can_not_be_asked", "guessing::nothing_tells_who_exists"],
    ),
    partly(
        24,
        "ejabberd 26.07: tokens from a weak generator",
        &["sasl::identifiers_are_random"],
        "tokens of BOSH, FAST, uploads, invitations: there are none",
    ),
    case(
        25,
        "Openfire: lock-out by address alone (OF-3262)",
        &[
            "sasl::guessing_locks_nobody_out",
            "guessing::from_one_address_at_one_account",
            "guessing::from_one_address_at_many_accounts",
            "guessing::from_many_addresses_at_one_account",
        ],
    ),
    case(
        26,
        "Dialback results that nobody asked for: jabberd2 (CVE-2012-3525), M-Link (CVE-2012-4669), iChat (CVE-2012-4672)",
        &[
            "dialback::answers_that_nobody_asked_for",
            "dialback::answers_to_other_requests",
            "negotiation::no_stage_is_skipped",
        ],
    ),
    case(
        27,
        "Prosody: weak dialback keys (CVE-2016-1232, CVE-2016-0756)",
        &["dialback::keys_are_good_for_one_stream", "dialback::guesses_are_made_by_the_rules"],
    ),
    case(
        28,
        "Prosody: dialback without dialback (CVE-2021-32919)",
        &["dialback::the_authoritative_server_is_always_asked", "dialback::answers_to_other_requests"],
    ),
    case(
        29,
        "Spoofed senders on server streams",
        &[
            "spoofed::senders_that_were_not_proven",
            "spoofed::a_dot_at_the_end_of_a_domain",
            "spoofed::piggybacking",
            "spoofed::streams_that_we_opened_have_one_direction",
        ],
    ),
    partly(
        30,
        "Floods of dialback requests and outbound connections",
        &[
            "server_floods::keys_of_many_domains",
            "outgoing::streams_to_many_domains",
            "outgoing::streams_that_end_as_soon_as_they_are_used",
        ],
        "web servers whose answers never end (POSH): they have port 443 to themselves, which is not to be had here; \
         jabiru-s2s has its own tests of their bounds",
    ),
    partly(
        31,
        "Forged carbons and archive results (CVE-2017-5589 and its kin, CVE-2019-16235, CVE-2020-26547)",
        &["relayed::forged_wrappers_keep_their_true_sender"],
        "carbons and the archive: the server neither makes nor announces them",
    ),
    partly(
        32,
        "Gajim: forged roster pushes (CVE-2015-8688)",
        &["relayed::forged_roster_push"],
        "rosters: there are none to be pushed",
    ),
    partly(
        33,
        "ejabberd 25.04, Openfire (OF-2607, OF-3055): forged occupant and stanza identifiers",
        &["relayed::forged_wrappers_keep_their_true_sender"],
        "their removal, which is due once the server announces XEP-0359 or has rooms",
    ),
    not_yet(34, "Prosody: affiliations disclosed to strangers (CVE-2021-37601)", "no rooms"),
    not_yet(35, "ejabberd 26.07: a poisoned cache of entity capabilities", "no cache of capabilities"),
    partly(
        36,
        "Mellium: answers matched by their id alone (CVE-2024-46957)",
        &["relayed::answers_from_the_wrong_address", "spoofed::answers_of_the_wrong_server"],
        "requests of the server to clients: its only one is a ping, for which any sign of life is an answer",
    ),
    partly(
        37,
        "Names that look the same (Prosody's mod_mimicking)",
        &["sasl::names_that_look_the_same"],
        "names of other scripts that only look the same: no registration by strangers, accounts are the operator's",
    ),
    partly(
        38,
        "Stream management: somebody else's stream resumed, counters beyond what was sent",
        &[
            "negotiation::what_is_not_offered_is_not_taken",
            "management::streams_of_other_domains_are_not_resumed",
            "management::more_acknowledged_than_was_sent",
            "management::what_is_never_acknowledged",
            "management::floods_of_acknowledgements",
            "management::streams_that_nobody_comes_back_for",
        ],
        "stream management of client streams: there is none",
    ),
    not_yet(39, "Openfire: path traversal in the administration console (CVE-2023-32315)", "no HTTP"),
    partly(
        40,
        "ejabberd 26.07: SQL injection, forged requests to the administration, unsafe uploads",
        &["sasl::names_are_no_code"],
        "paging, search, HTTP: there are none",
    ),
    not_yet(
        41,
        "MongooseIM 6.8.0: authorization skipped by another way to parse",
        "no administration over the network",
    ),
    not_yet(42, "Prosody: an open proxy (CVE-2021-32917)", "no proxy, no uploads, no components"),
    not_yet(43, "ejabberd 25.07: an archive with absolute paths", "nothing is imported or installed"),
];

/// Cases without a number: what every server on the network has to stand.
pub const CLASSICS: [(&str, &str); 23] = [
    (
        "load::silence_and_single_bytes",
        "who says nothing, or a byte now and then, is gone after the time for negotiation",
    ),
    ("load::talking_without_end_buys_no_time", "so is who never stops talking, be it only whitespace"),
    ("load::a_client_that_never_reads", "what waits for it is bounded, its sender is told, it is given up"),
    (
        "load::more_connections_than_one_address_may_have",
        "a few at a time are told so, the others are closed unheard; those there are go on",
    ),
    ("load::more_connections_than_open_files", "the limit is raised; at it, streams go on, and the server recovers"),
    ("load::more_streams_than_one_account_may_have", "they are refused, and asking again and again ends the stream"),
    (
        "floods::connections_again_and_again",
        "an address that connects too often is refused for a while, others are not",
    ),
    ("floods::stanzas_without_a_pause", "who sends too fast is held back, or closed; nobody else waits for it"),
    (
        "floods::handshakes_that_take_their_time",
        "they fill their own address's places first, and for the time of a negotiation; streams go on",
    ),
    ("accounts::passwords_of_others", "nobody changes another's password, nor learns by trying who exists"),
    (
        "accounts::floods_of_passwords",
        "changes are made one by one, others do not wait; what the operator takes from an account stays taken",
    ),
    ("control::what_is_no_command", "the socket is its owner's; what is no command is refused, and changes nothing"),
    ("control::what_lies_in_place_of_the_socket", "it is replaced, not followed"),
    ("control::reloads_under_load", "a broken configuration changes nothing, a good one loses nothing"),
    (
        "server_floods::silence_and_single_bytes_of_servers",
        "servers that connect and say nothing, or a byte now and then, are gone after the time for negotiation",
    ),
    (
        "outgoing::servers_that_say_nothing",
        "so are those that are connected to, at whatever stage; who wrote to them is told, others do not wait",
    ),
    (
        "outgoing::a_server_that_never_reads",
        "what waits for it is bounded, its senders are told, others reach theirs, it is given up",
    ),
    (
        "server_floods::stanzas_of_a_server_without_a_pause",
        "users and other servers do not wait for it, and nothing is heaped up",
    ),
    (
        "server_floods::more_connections_of_one_server_than_it_may_have",
        "they are refused; those there are go on, clients and other servers are not concerned",
    ),
    ("control::sent_away_under_load", "each hears all that was sent to it, then where to go, as newcomers do"),
    (
        "ending::what_comes_behind_the_end_is_answered",
        "what a server was still saying when ours ended is heard, and its sender told that it came too late",
    ),
    (
        "ending::what_comes_after_clients_have_gone_is_not_taken",
        "where it is counted it is not acknowledged either, so that its sender keeps it for the server that comes next",
    ),
    (
        "ending::what_comes_behind_the_close_of_a_stream_is_taken_once",
        "nor behind the close of a stream, for it is sent again; what can't be is taken",
    ),
];

/// The table as a document.
#[must_use]
pub fn document() -> String {
    let mut text = String::from(
        "# Attacks\n\n\
         What happened to other servers and clients, and which cases repeat it on this one: the real binary, over real\n\
         sockets. `cargo test -p jabiru-attacks` runs them. Outcome of every case: the defined stream, SASL or stanza\n\
         error; memory within a stated bound; other users' streams work throughout; nothing is routed that should not be.\n\n\
         This file is made from `tests/attacks/src/incidents.rs`; `JABIRU_WRITE_DOCS=1 cargo test -p jabiru-attacks docs`\n\
         writes it anew.\n\n\
         | | what happened | cases | not yet |\n|---|---|---|---|\n",
    );
    let names = |cases: &[&str]| cases.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join("<br>");
    for Incident { number, what, cases, not_yet } in &INCIDENTS {
        let (cases, rest) = (names(cases), not_yet.unwrap_or_default());
        writeln!(text, "| {number} | {what} | {cases} | {rest} |").expect("memory takes it");
    }
    text.push_str("\n## What every server has to stand\n\n| case | outcome |\n|---|---|\n");
    for (name, outcome) in CLASSICS {
        writeln!(text, "| `{name}` | {outcome} |").expect("memory takes it");
    }
    text
}
