//! The example file, every kind of mistake, and what must go together.

use std::path::Path;

use super::*;

const EXAMPLE: &str = include_str!("../../../../jabiru.example.toml");

fn parse(text: &str) -> Result<Config, Vec<String>> {
    file::parse(text, Path::new("")).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn problems(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(config) => panic!("taken: {text}\n{config:?}"),
        Err(problems) => problems,
    }
}

#[test]
fn nothing_is_the_default() {
    assert_eq!(parse(""), Ok(Config::default()));
}

/// What the crates below would do by themselves is what the configuration does by default.
#[test]
fn defaults_agree_with_the_crates() {
    let config = Config::default();
    let settings = jabiru_c2s::Settings::default();
    let policy = jabiru_negotiation::Policy::new(std::sync::Arc::new(Vec::new()), [0; 32]);
    let limits = &config.limits;
    assert_eq!(limits.element_bytes_before_authentication, settings.unauthenticated.max_element_bytes);
    assert_eq!(limits.element_bytes, settings.authenticated.max_element_bytes);
    // All of them, whatever they are.
    let mapped = crate::assemble::c2s::settings(&config);
    assert_eq!(format!("{mapped:#?}"), format!("{settings:#?}"));
    assert_eq!(limits.negotiation_timeout, policy.negotiation_timeout);
    assert_eq!(limits.authentication_attempts, policy.max_authentication_attempts);
    assert_eq!(config.c2s.require_tls, policy.require_tls);
    assert_eq!(config.c2s.plain_without_tls, policy.plain_without_tls);
    assert_eq!(config.c2s.mechanisms, policy.mechanisms);
}

/// The example states the defaults, and every key, once.
#[test]
fn example_is_the_default() {
    assert_eq!(parse(EXAMPLE), Ok(Config::default()));
    let mut stated: Vec<String> = Vec::new();
    let mut section = String::new();
    for line in EXAMPLE.lines().map(|line| line.trim_start_matches(['#', ' '])) {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']).to_owned();
            stated.push(section.clone());
        } else if let Some((key, _)) = line.split_once(" = ") {
            stated.push(if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") });
        }
    }
    for key in file::known_keys() {
        assert_eq!(stated.iter().filter(|stated| **stated == key).count(), 1, "{key}");
    }
}

/// What stands in comments is right too.
#[test]
fn example_of_a_domain_with_a_certificate() {
    let start = EXAMPLE.find("# [[domain]]").unwrap();
    let commented: String =
        EXAMPLE[start..].lines().map_while(|line| line.strip_prefix("# ")).map(|line| format!("{line}\n")).collect();
    let config = file::parse(&commented, Path::new("/etc/jabiru")).unwrap();
    assert_eq!(
        config.domains,
        [Domain {
            name: "im.example".parse().unwrap(),
            certificate: Some(CertificateFiles {
                certificate: "/etc/jabiru/im.example.crt".into(),
                key: "/etc/jabiru/im.example.key".into(),
            }),
        }]
    );
    assert_eq!(config.data_directory, Path::new("/etc/jabiru/jabiru-data"));
}

/// Uncommented, they are taken.
#[test]
fn examples_of_routes_and_exceptions() {
    let sections = ["# [s2s.route]", "# [[s2s.domain]]"].map(|header| {
        let start = EXAMPLE.find(header).unwrap();
        let lines = EXAMPLE[start..].lines().map_while(|line| line.strip_prefix("# "));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    });
    let s2s = parse(&sections.concat()).unwrap().s2s;
    assert_eq!((s2s.routes.len(), s2s.exceptions.len()), (2, 1), "{s2s:?}");
}

/// A file with every key, none of them with its default value.
const EVERYTHING: &str = r#"
        domains = ["IM.example", "bücher.example."]
        data_directory = "/var/lib/jabiru"
        log = { format = "json", level = "warn, jabiru_c2s::live=trace" }
        storage.engine = "sqlite"
        storage.timeout_seconds = 3
        shutdown.timeout_seconds = 4
        features = { password_change = false, account_cancellation = true }
        [[domain]]
        name = "other.example"
        [c2s]
        starttls = []
        direct_tls = ["0.0.0.0:443", "[::]:0", "[::]:0"]
        require_tls = false
        plain_without_tls = true
        mechanisms = ["PLAIN", "EXTERNAL", "ANONYMOUS"]
        client_certificates = "roots.pem"
        resource_conflict = "assign"
        [tls]
        warn_before_expiry_days = 7
        restart_streams_before_expiry_hours = 8
        [limits]
        connections = 10
        connections_per_address = 9
        connection_attempts_per_minute = 0
        unauthenticated_connections = 8
        unauthenticated_connections_per_address = 7
        element_bytes_before_authentication = 5000
        element_bytes = 10_000
        negotiation_timeout_seconds = 11
        authentication_attempts = 3
        streams_per_account = 2
        anonymous_streams = 16
        bytes_per_second = 0
        bytes_burst = 17
        stanzas_per_second = 18
        stanzas_burst = 19
        too_fast = "close"
        recipients_per_minute = 22
        outbox_bytes = 10_000
        whitespace_interval_seconds = 20
        idle_timeout_seconds = 0
        ping_timeout_seconds = 15
        tcp_keepalive_seconds = 21
        tcp_user_timeout_seconds = 0
        stall_timeout_seconds = 12
        closing_timeout_seconds = 13
        [guesses]
        throttled = false
        of_account_from_address_free = 0
        of_account_from_address = 1
        from_address_free = 2
        from_address = 3
        of_account_free = 4
        of_account = 5
        longest_delay_seconds = 0
        longest_wait_seconds = 6
        trust_days = 7
        remembered = 1000
        "#;

fn everything() -> String {
    format!("{EVERYTHING}{}", s2s::tests::EVERYTHING)
}

#[test]
fn every_key_is_taken() {
    let expected = Config {
        domains: ["im.example", "bücher.example", "other.example"].map(|name| Domain::new(name).unwrap()).into(),
        data_directory: "/var/lib/jabiru".into(),
        log: Log { format: LogFormat::Json, level: "warn,jabiru_c2s::live=trace".to_owned() },
        c2s: C2s {
            starttls: Vec::new(),
            direct_tls: ["0.0.0.0:443", "[::]:0", "[::]:0"].map(|address| address.parse().unwrap()).into(),
            require_tls: false,
            plain_without_tls: true,
            mechanisms: vec![Mechanism::Plain, Mechanism::External, Mechanism::Anonymous],
            client_certificates: Some("roots.pem".into()),
            resource_conflict: ResourceConflict::Assign,
        },
        s2s: s2s::tests::everything(),
        tls: Tls {
            warn_before_expiry: Duration::from_secs(7 * 24 * 3600),
            restart_streams_before_expiry: Some(Duration::from_secs(8 * 3600)),
        },
        limits: Limits {
            connections: 10,
            connections_per_address: 9,
            connection_attempts_per_minute: None,
            unauthenticated_connections: 8,
            unauthenticated_connections_per_address: 7,
            element_bytes_before_authentication: 5000,
            element_bytes: 10_000,
            negotiation_timeout: Duration::from_secs(11),
            authentication_attempts: 3,
            streams_per_account: 2,
            anonymous_streams: 16,
            bytes_per_second: None,
            bytes_burst: 17,
            stanzas_per_second: Some(18),
            stanzas_burst: 19,
            too_fast: TooFast::Close,
            recipients_per_minute: Some(22),
            outbox_bytes: 10_000,
            whitespace_interval: Some(Duration::from_secs(20)),
            idle_timeout: None,
            ping_timeout: Duration::from_secs(15),
            tcp_keepalive: Some(Duration::from_secs(21)),
            tcp_user_timeout: None,
            stall_timeout: Duration::from_secs(12),
            closing_timeout: Duration::from_secs(13),
        },
        guesses: Guesses {
            throttled: false,
            of_account_from_address_free: 0,
            of_account_from_address: 1,
            from_address_free: 2,
            from_address: 3,
            of_account_free: 4,
            of_account: 5,
            longest_delay: Duration::ZERO,
            longest_wait: Duration::from_secs(6),
            trust: Duration::from_secs(7 * 24 * 3600),
            remembered: 1000,
        },
        features: Features { password_change: false, account_cancellation: true },
        storage: Storage { engine: StorageEngine::Sqlite, timeout: Duration::from_secs(3) },
        shutdown: Shutdown { timeout: Duration::from_secs(4) },
    };
    assert_eq!(parse(&everything()), Ok(expected));
}

/// A key is either applied while the server runs or named as one that needs a restart.
#[test]
fn differences_name_every_key() {
    let (before, after) = (Config::default(), parse(&everything()).unwrap());
    let Differences { mut applicable, mut restart } = before.differences(&after);
    let (of_s2s, others): (Vec<&str>, Vec<&str>) = applicable.iter().partition(|key| key.starts_with("s2s."));
    assert_eq!(of_s2s.len(), 20, "{of_s2s:?}");
    let (limits, others): (Vec<&str>, Vec<&str>) = others.iter().partition(|key| key.starts_with("limits."));
    assert_eq!(others, ["tls.warn_before_expiry_days", "tls.restart_streams_before_expiry_hours"]);
    assert!(limits.len() == 5 && limits.iter().all(|key| key.contains("connection")), "{limits:?}");

    let mut expected: Vec<String> = file::known_keys().into_iter().collect();
    // Sections; domains, which are told one by one; and what is the same in both.
    let within = ["domain.", "s2s.domain."];
    let sections = ["s2s.resolver", "s2s.limits"];
    let same = ["storage.engine"];
    expected.retain(|key| key.contains('.') && !within.iter().any(|table| key.starts_with(table)));
    expected.retain(|key| !sections.contains(&&**key) && !same.contains(&&**key));
    expected.push("data_directory".to_owned());
    expected.sort();
    applicable.append(&mut restart);
    applicable.sort_unstable();
    assert_eq!(applicable, expected);
    assert_eq!(after.differences(&after), Differences::default());
}

/// What is taken of another configuration is what was called applicable, and nothing else.
#[test]
fn what_is_applicable_is_taken() {
    let (before, after) = (Config::default(), parse(&everything()).unwrap());
    let next = before.with_applicable(&after);
    assert_eq!(before.differences(&next).applicable, before.differences(&after).applicable);
    assert_eq!(before.differences(&next).restart, <[&str; 0]>::default());
    assert_eq!(next.differences(&after).applicable, <[&str; 0]>::default());
    assert_eq!(next.domains, after.domains);
    // Clients can't log in with certificates before the restart, so they are not asked for any.
    assert_eq!(next.c2s.client_certificates, None);
    assert_eq!(after.with_applicable(&before).c2s, after.c2s);
    let mut renewed = after.clone();
    renewed.c2s.client_certificates = Some("other.pem".into());
    let differences = Differences { applicable: vec!["c2s.client_certificates"], restart: Vec::new() };
    assert_eq!(after.differences(&renewed), differences);
    assert_eq!(after.with_applicable(&renewed), renewed);
}

/// Who is about to write a file that is still wrong can find the server of it.
#[test]
fn the_data_directory_is_found_in_a_wrong_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jabiru.toml");
    for (text, expected) in [
        ("", Some("jabiru-data")),
        ("data_directory = 'data'", Some("data")),
        ("data_directory = 'data'\nlgo = 1\ndomains = []", Some("data")),
        ("lgo = 1", Some("jabiru-data")),
        ("data_directory = 5", None),
        ("data_directory = 'data", None),
    ] {
        std::fs::write(&path, text).unwrap();
        let found = Config::data_directory_of(&path).ok();
        assert_eq!(found, expected.map(|name| folder.path().join(name)), "{text}");
    }
}

/// Each mistake alone, with the whole message.
#[test]
fn messages() {
    for (text, expected) in [
        // Keys.
        ("[log]\nfromat = 'json'", "2:1: unknown key \"log.fromat\"; the nearest known key is \"log.format\""),
        ("[limit]\n", "1:2: unknown key \"limit\"; the nearest known key is \"limits\""),
        ("domain_names = []", "1:1: unknown key \"domain_names\"; the nearest known key is \"domain.name\""),
        ("bla = 1", "1:1: unknown key \"bla\"; jabiru.example.toml has every key there is"),
        ("starttls = []", "1:1: unknown key \"starttls\"; the nearest known key is \"c2s.starttls\""),
        ("log.c2s.x = 1", "1:5: unknown key \"log.c2s\"; the nearest known key is \"c2s\""),
        (
            "[[domain]]\nname = 'a.example'\n  cert = 'x'",
            "3:3: unknown key \"domain.cert\"; the nearest known key is \"domain.certificate\"",
        ),
        // Types and values.
        ("log = 5", "1:7: log: expected a table, found 5"),
        ("[domain]\nname = 'a'", "1:1: domain: expected tables that begin with [[domain]], found a table"),
        ("domain = [1]", "1:10: domain: expected tables that begin with [[domain]], found a list"),
        (
            "domains = 'im.example'",
            "1:11: domains: expected a list, each of it a domain name such as \"im.example\", found 'im.example'",
        ),
        (
            "domains = ['ü', 'a b', 5]",
            "1:17: domains: expected a domain name such as \"im.example\", found 'a b'\n1:24: domains: expected a domain name such as \"im.example\", found 5",
        ),
        (
            "domains = ['im.example:5222']",
            "1:12: domains: expected a domain name such as \"im.example\", found 'im.example:5222'",
        ),
        ("data_directory = ''", "1:18: data_directory: expected the path of a folder, found ''"),
        (
            "log.format = 'jsno'",
            "1:14: log.format: expected \"human\" or \"json\", found 'jsno'; the nearest is \"json\"",
        ),
        ("log.format = true", "1:14: log.format: expected \"human\" or \"json\", found true"),
        ("storage.engine = 'postgres'", "1:18: storage.engine: expected \"sqlite\", found 'postgres'"),
        ("c2s.require_tls = 'yes'", "1:19: c2s.require_tls: expected true or false, found 'yes'"),
        (
            "[limits]\nelement_bytes = 9999",
            "2:17: limits.element_bytes: expected a whole number from 10000 to 268435456, found 9999",
        ),
        (
            "[limits]\nelement_bytes = 1e5",
            "2:17: limits.element_bytes: expected a whole number from 10000 to 268435456, found 1e5",
        ),
        (
            "[limits]\nauthentication_attempts = 0",
            "2:27: limits.authentication_attempts: expected a whole number from 1 to 100, found 0",
        ),
        (
            "[limits]\nauthentication_attempts = -1",
            "2:27: limits.authentication_attempts: expected a whole number from 1 to 100, found -1",
        ),
        (
            "shutdown.timeout_seconds = 10.5",
            "1:28: shutdown.timeout_seconds: expected a whole number from 1 to 600, found 10.5",
        ),
        (
            "[c2s]\nstarttls = [\n  '127.0.0.1:5222',\n  'localhost:5222',\n  '[::1]:65536',\n]",
            "4:3: c2s.starttls: expected an IP address with a port from 0 to 65535, such as \"127.0.0.1:5222\" or \"[::]:5222\", found 'localhost:5222'\n\
             5:3: c2s.starttls: expected an IP address with a port from 0 to 65535, such as \"127.0.0.1:5222\" or \"[::]:5222\", found '[::1]:65536'",
        ),
        // What must go together.
        ("domains = ['im.example', 'IM.Example.']", "1:26: domains: im.example is there twice"),
        ("domains = ['a.example']\n[[domain]]\nname = 'a.example'", "3:8: domains: a.example is there twice"),
        ("domains = []", "1:11: domains: no domain to host; name at least one"),
        ("[[domain]]", "1:1: domain.name is missing: expected a domain name such as \"im.example\""),
        (
            "[[domain]]\nname = 'a'\nkey = 'k'",
            "1:1: domain.certificate is missing: expected the path of the key's certificate chain, a PEM file",
        ),
        (
            "[[domain]]\nname = 'a'\ncertificate = 'c'",
            "1:1: domain.key is missing: expected the path of the certificate's private key, a PEM file",
        ),
        (
            "c2s = { starttls = [], direct_tls = [] }",
            "1:20: c2s.starttls: no listener is left: both starttls and direct_tls are empty",
        ),
        (
            "[c2s]\nstarttls = ['127.0.0.1:5223']",
            "1:1: c2s.direct_tls: 127.0.0.1:5223 is there twice; a listener needs an address of its own",
        ),
        ("[c2s]\nmechanisms = []", "2:14: c2s.mechanisms: without a mechanism nobody can log in"),
        ("[c2s]\nmechanisms = ['PLAIN', 'PLAIN']", "2:24: c2s.mechanisms: PLAIN is there twice"),
        (
            "[c2s]\nplain_without_tls = true",
            "2:21: c2s.plain_without_tls: nothing goes without TLS while require_tls is true",
        ),
        (
            "[limits]\nconnections = 100\nconnections_per_address = 101",
            "3:27: limits.connections_per_address: more than the 100 connections there may be altogether",
        ),
        (
            "[limits]\nunauthenticated_connections = 10\nunauthenticated_connections_per_address = 11",
            "3:43: limits.unauthenticated_connections_per_address: more than the 10 of them that there may be altogether",
        ),
        (
            "[limits]\ntoo_fast = 'close'\nbytes_burst = 100_000",
            "3:15: limits.bytes_burst: must be at least element_bytes (262144), or the longest stanza ends its stream",
        ),
        (
            "[limits]\nwhitespace_interval_seconds = 86_401",
            "2:31: limits.whitespace_interval_seconds: expected 0 or a whole number from 1 to 86400, found 86_401",
        ),
        (
            "[limits]\nbytes_per_second = -1",
            "2:20: limits.bytes_per_second: expected 0 or a whole number from 1 to 4294967295, found -1",
        ),
        (
            "[c2s]\nmechanisms = ['EXTERNAL']",
            "2:14: c2s.mechanisms: EXTERNAL needs client_certificates, the authorities to trust",
        ),
        (
            "[c2s]\nclient_certificates = 'roots.pem'",
            "2:23: c2s.client_certificates: nobody can log in with them: EXTERNAL is not among the mechanisms",
        ),
        (
            "[guesses]\nfrom_address = 49",
            "2:16: guesses.from_address: 50 without effect are more than the 49 of the bound",
        ),
        (
            "[limits]\nelement_bytes = 2_000_000",
            "1:1: s2s.limits.queue_bytes: 1048576 must be at least limits.element_bytes (2000000), or the longest stanza never leaves\n\
             2:17: limits.element_bytes: outbox_bytes (1048576) must be at least element_bytes (2000000), or the longest stanza never arrives",
        ),
    ] {
        assert_eq!(problems(text).join("\n"), expected, "{text}");
    }
}

#[test]
fn mechanisms_are_suggested() {
    let problems = problems("[c2s]\nmechanisms = ['scram-sha-256']");
    assert!(problems[0].ends_with("found 'scram-sha-256'; the nearest is \"SCRAM-SHA-256\""), "{problems:?}");
}

#[test]
fn log_levels() {
    for (level, taken) in [
        ("debug", true),
        ("off,jabiru_server=trace", true),
        ("inof", false),
        ("", false),
        ("INFO", false),
        ("info,", false),
        ("info,debug", false),
        ("jabiru=info", false),
        ("info,=debug", false),
        ("info,a=loud", false),
    ] {
        assert_eq!(parse(&format!("log.level = '{level}'")).is_ok(), taken, "{level:?}");
    }
}

/// Everything is reported, in the order of the file.
#[test]
fn all_problems_at_once() {
    let text = "domains = ['a b']\nlgo = 1\n[c2s]\nrequire_tls = 1\nmechanism = []\n[shutdown]\ntimeout_seconds = 0\n";
    let lines: Vec<_> = problems(text).iter().map(|problem| problem.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(lines, ["1", "2", "4", "5", "7"]);
}

#[test]
fn syntax_errors_have_a_place() {
    for (text, place) in [
        ("domains = [", "1:12: not TOML: "),
        ("a = 1\nb == 2", "2:4: not TOML: "),
        ("[log]\nlevel = 'info'\nlevel = 'info'", "3:1: not TOML: "),
        ("ü = 'x", "1:1: not TOML: "),
    ] {
        let problems = problems(text);
        assert!(problems.len() == 1 && problems[0].starts_with(place), "{text}: {problems:?}");
        assert!(!problems[0].contains('\n'), "{text}: {problems:?}");
    }
}

/// A long value is not repeated as a whole.
#[test]
fn long_values_are_cut() {
    let problems = problems(&format!("log.format = '{}'", "ü".repeat(5000)));
    assert!(problems[0].len() < 300, "{problems:?}");
}

#[test]
fn load_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jabiru.toml");
    let error = Config::load(&path).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot read the configuration file {}: ", path.display())), "{error}");

    std::fs::write(&path, "x = 1\ny = 2").unwrap();
    let error = Config::load(&path).unwrap_err().to_string();
    let lines: Vec<_> = error.lines().collect();
    assert!(lines[0].starts_with(&format!("{}:1:1: unknown key \"x\"", path.display())), "{error}");
    assert!(lines[1].starts_with(&format!("{}:2:1: unknown key \"y\"", path.display())), "{error}");

    std::fs::write(&path, " ".repeat((1 << 20) + 1)).unwrap();
    assert!(matches!(Config::load(&path), Err(ConfigError::Read { .. })));
    std::fs::write(&path, [b'#', 0xff]).unwrap();
    assert!(matches!(Config::load(&path), Err(ConfigError::Read { .. })));

    std::fs::write(&path, "data_directory = 'data'").unwrap();
    assert_eq!(Config::load(&path).unwrap().data_directory, folder.path().join("data"));
}
