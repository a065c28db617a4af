//! Tests of other domains, step by step.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use jabiru_net::Identity;
use jabiru_router::{Eventually, Feature, IqAnswer, IqRequest, RequestContext, Target};
use jabiru_s2s::report::{
    Answer, Conclusion, DialbackAnswer, Direction, Finding, Method, Proof, Requirement, Source, Stage, Step,
    StreamState, Verdict,
};
use jabiru_s2s::resolve::{Resolver, ResolverSettings};
use jabiru_s2s::{DomainPattern, Require};
use jabiru_stanza::{DomainPart, Stanza, ns};
use rustls::pki_types::PrivateKeyDer;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use crate::proxy::Proxy;
use crate::site::{Setup, Site, authority, dialback_allowed, eventually, self_signed};
use crate::support::dns::{DnsServer, Zone, a, srv, tlsa};

/// A whole test, for people first: what failed can be read in it.
struct Walked {
    findings: Vec<Finding>,
    conclusion: Conclusion,
}

async fn walk(from: &Site, domain: &str) -> Walked {
    walk_as(from, &from.domain, domain).await
}

async fn walk_as(site: &Site, from: &DomainPart, domain: &str) -> Walked {
    let mut test = site.s2s.test(from.clone(), domain.parse().unwrap());
    let mut findings = Vec::new();
    while let Some(finding) = test.next().await {
        findings.push(finding);
    }
    Walked { findings, conclusion: test.conclusion().await }
}

impl Walked {
    /// The names of all steps, as JSON has them.
    fn steps(&self) -> Vec<String> {
        let name = |finding: &Finding| serde_json::to_value(finding).unwrap()["step"].as_str().unwrap().to_owned();
        self.findings.iter().map(name).collect()
    }

    fn find<T>(&self, wanted: impl Fn(&Step) -> Option<T>) -> (T, &Verdict) {
        let found = self.findings.iter().find_map(|finding| Some((wanted(&finding.step)?, &finding.verdict)));
        found.unwrap_or_else(|| panic!("there is no such step in {:#?}", self.findings))
    }

    /// It came to nothing with this step, and says so.
    fn assert_failed(&self, words: &str) -> &Step {
        assert!(!self.conclusion.reached);
        let failure = self.conclusion.failure.as_deref().unwrap();
        assert!(failure.contains(words), "{failure}");
        let failed: Vec<_> = self.findings.iter().filter(|step| matches!(step.verdict, Verdict::Failed(_))).collect();
        let last = self.findings.last().unwrap();
        assert_eq!(failed, [last], "the last step is the one that failed");
        let Verdict::Failed(why) = &last.verdict else { unreachable!() };
        assert!(why.contains(words), "{why}");
        &last.step
    }

    fn assert_reached(&self) {
        assert_eq!(self.conclusion, Conclusion { reached: true, failure: None }, "{:#?}", self.findings);
        let failed = |finding: &&Finding| matches!(finding.verdict, Verdict::Failed(_));
        assert_eq!(self.findings.iter().find(failed), None);
    }
}

fn pair(change: impl Fn(&mut Setup) + Copy) -> (Site, Site) {
    let (a, b) = (Site::with("a.example", change), Site::with("b.example", change));
    a.knows(&[&b]);
    b.knows(&[&a]);
    (a, b)
}

/// Answers pings.
struct Pong;

impl Feature for Pong {
    fn name(&self) -> &'static str {
        "pong"
    }

    fn requests(&self) -> &[IqRequest] {
        const { &[IqRequest::get(Target::Server, "ping", ns::PING)] }
    }

    fn handle_iq(&self, _request: &Stanza, _context: RequestContext<'_>) -> Eventually<IqAnswer> {
        Eventually::Now(IqAnswer::Result(None))
    }
}

/// What all servers are that these tests have nothing against.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_domain_step_by_step() {
    let (a, b) = pair(|setup| setup.features.register(Pong).unwrap());
    let walked = walk(&a, "b.example").await;
    walked.assert_reached();
    let expected = [
        "policy",
        "targets",
        "connect",
        "header",
        "features",
        "tls",
        "certificate",
        "proven",
        "header",
        "features",
        "sasl",
        "header",
        "features",
        "bidirectional",
        "stream_management",
        "ping",
    ];
    assert_eq!(walked.steps(), expected);
    assert!(walked.findings.iter().all(|finding| finding.verdict == Verdict::Good), "{:#?}", walked.findings);
    // In the order of time.
    assert!(walked.findings.iter().all(|finding| finding.took < Duration::from_secs(20)));

    walked.find(|step| match step {
        Step::Policy { require: Requirement::Certificate, require_tls: true } => Some(()),
        _ => None,
    });
    walked.find(|step| match step {
        Step::Targets { source: Source::Route, secure: false, targets } => (targets.len() == 1).then_some(()),
        _ => None,
    });
    walked.find(|step| match step {
        Step::Connect { address, direct_tls: false, .. } => (*address == b.address).then_some(()),
        _ => None,
    });
    walked.find(|step| match step {
        Step::Header { stage: Stage::Plaintext, id: Some(_), from: Some(from), version: Some(version) } => {
            (from == "b.example" && version == "1.0").then_some(())
        }
        _ => None,
    });
    walked.find(|step| match step {
        Step::Features { stage: Stage::Plaintext, features, .. } => (features[0].name == "starttls").then_some(()),
        _ => None,
    });
    walked.find(|step| match step {
        Step::Features { stage: Stage::Secured, mechanisms, .. } => (mechanisms == &["EXTERNAL"]).then_some(()),
        _ => None,
    });
    walked.find(|step| match step {
        Step::Features { stage: Stage::Authenticated, features, .. } => {
            features.iter().any(|feature| feature.name == "sm").then_some(())
        }
        _ => None,
    });
    walked.find(|step| match step {
        Step::Tls { version: Some(version), cipher_suite: Some(suite), alpn: None, server_name: Some(name) } => {
            (version == "1.3" && suite.starts_with("TLS13_") && name == "b.example").then_some(())
        }
        _ => None,
    });
    let (report, _) = walked.find(|step| match step {
        Step::Certificate { chain, matched: Some(matched) } if matched == "DNS-ID b.example" => chain.first().cloned(),
        _ => None,
    });
    assert_eq!(report.names, ["DNS-ID b.example"]);
    assert!(!report.issuer.is_empty() && report.sha256.len() == 64 && report.not_after > report.not_before);
    walked.find(|step| (step == &Step::Proven { proofs: vec![Proof::Certificate] }).then_some(()));
    walked.find(|step| match step {
        Step::Sasl { mechanism, failure: None } => (mechanism == "EXTERNAL").then_some(()),
        _ => None,
    });
    walked.find(|step| (step == &Step::StreamManagement { agreed: true, resumable: true }).then_some(()));
    walked.find(|step| (step == &Step::Ping { error: None, over: Some(Direction::Outgoing) }).then_some(()));

    // Nothing is left behind.
    for site in [&a, &b] {
        eventually(|| site.s2s.stream_count() == 0, || format!("{:#?}", site.s2s.list())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn direct_tls_is_agreed_on_by_alpn() {
    let (a, _b) = pair(|setup| setup.direct_tls = true);
    let walked = walk(&a, "b.example").await;
    walked.assert_reached();
    walked.find(|step| match step {
        Step::Tls { alpn: Some(alpn), .. } => (alpn == "xmpp-server").then_some(()),
        _ => None,
    });
    walked.find(|step| matches!(step, Step::Connect { direct_tls: true, .. }).then_some(()));
}

/// XEP-0220: the answer comes over a stream of the other side's, which has asked for the key before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dialback_and_an_answer_over_the_other_stream() {
    let site = |name| {
        Site::with(name, |setup| {
            setup.identity = self_signed(name);
            setup.policy.rules = dialback_allowed();
            setup.policy.bidirectional = false;
            setup.policy.stream_management = false;
        })
    };
    let (a, b) = (site("a.example"), site("b.example"));
    a.knows(&[&b]);
    b.knows(&[&a]);
    let walked = walk(&a, "b.example").await;
    walked.assert_reached();
    let (_, verdict) = walked.find(|step| matches!(step, Step::Certificate { matched: None, .. }).then_some(()));
    assert!(matches!(verdict, Verdict::Notable(why) if why.contains("self-signed")), "{verdict:?}");
    let (_, verdict) = walked.find(|step| (step == &Step::Proven { proofs: vec![] }).then_some(()));
    assert!(matches!(verdict, Verdict::Notable(why) if why.contains("dialback is enough")), "{verdict:?}");
    walked.find(|step| match step {
        Step::DialbackVerified { address, valid: true } => address.ip().is_loopback().then_some(()),
        _ => None,
    });
    walked.find(|step| (step == &Step::Dialback { answer: Some(DialbackAnswer::Valid) }).then_some(()));
    walked.find(|step| (step == &Step::Bidirectional { agreed: false }).then_some(()));
    walked.find(|step| (step == &Step::StreamManagement { agreed: false, resumable: false }).then_some(()));
    walked.find(|step| match step {
        Step::Incoming { address, proofs } => {
            (address.ip().is_loopback() && proofs == &[Proof::Dialback]).then_some(())
        }
        _ => None,
    });
    // It knows no pings; but whoever says so is there.
    let error = Some(Answer { condition: "service-unavailable".to_owned(), text: None });
    let (_, verdict) = walked
        .find(|step| (step == &Step::Ping { error: error.clone(), over: Some(Direction::Incoming) }).then_some(()));
    assert_eq!(verdict, &Verdict::Good);
}

/// The other side can't find us, and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_could_not_be_verified() {
    let (a, b) = (Site::by_dialback("a.example"), Site::by_dialback("b.example"));
    a.knows(&[&b]);
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    b.routes(&a.domain, closed);
    let walked = walk(&a, "b.example").await;
    let step = walked.assert_failed("remote-server-timeout");
    let Step::Dialback { answer: Some(DialbackAnswer::Error { error: Some(error) }) } = step else {
        panic!("{step:?}")
    };
    assert_eq!(error.condition, "remote-server-timeout");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_for_other_domains() {
    let a = Site::start("a.example");
    let b = Site::with("b.example", |setup| setup.identity = authority().identity(&["c.example", "*.d.example"]));
    a.knows(&[&b]);
    let walked = walk(&a, "b.example").await;
    let step = walked.assert_failed("not for b.example but for c.example, *.d.example");
    assert_eq!(step, &Step::Proven { proofs: vec![] });
    let (chain, verdict) = walked.find(|step| match step {
        Step::Certificate { chain, matched: None } => Some(chain.clone()),
        _ => None,
    });
    assert!(matches!(verdict, Verdict::Notable(_)));
    assert_eq!(chain[0].names, ["DNS-ID c.example", "DNS-ID *.d.example"]);
}

/// The other side does not take our certificate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_by_the_other_side() {
    let a = Site::with("a.example", |setup| setup.identity = self_signed("a.example"));
    let b = Site::start("b.example");
    a.knows(&[&b]);
    let walked = walk(&a, "b.example").await;
    let step = walked.assert_failed("self-signed");
    let Step::Closed { error: Some(error) } = step else { panic!("{step:?}") };
    assert_eq!(error.condition, "not-authorized");
}

#[tokio::test]
async fn nobody_listens_there() {
    let a = Site::start("a.example");
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    a.routes(&"b.example".parse().unwrap(), closed);
    let walked = walk(&a, "b.example").await;
    let step = walked.assert_failed("connection refused");
    assert!(matches!(step, Step::Connect { address, .. } if *address == closed), "{step:?}");
}

/// The first target is dead: that is told, but not the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn srv_records_with_a_dead_target() {
    let (a, b) = pair(|_| {});
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let zone = Zone::unsigned("example")
        .with("_xmpp-server._tcp.b.example", 60, srv(1, 0, closed.port(), "dead.example"))
        .with("_xmpp-server._tcp.b.example", 60, srv(2, 0, b.address.port(), "alive.example"))
        .with("dead.example", 60, crate::support::dns::a("127.0.0.1"))
        .with("alive.example", 60, crate::support::dns::a("127.0.0.1"));
    let server = DnsServer::start(vec![zone]).await;
    a.s2s.set_resolver(resolver(server.address()));
    let walked = walk(&a, "b.example").await;
    walked.assert_reached();
    let (records, verdict) = walked.find(|step| match step {
        Step::Srv { name, records, secure: false } if name == "_xmpp-server._tcp.b.example" => Some(records.clone()),
        _ => None,
    });
    assert_eq!((records.len(), verdict), (2, &Verdict::Good));
    assert!(records.iter().any(|record| record.priority == 1 && record.target == "dead.example"), "{records:?}");
    let (records, verdict) = walked.find(|step| match step {
        Step::Srv { name, records, .. } if name == "_xmpps-server._tcp.b.example" => Some(records.clone()),
        _ => None,
    });
    assert!(records.is_empty() && matches!(verdict, Verdict::Notable(_)), "{verdict:?}");
    walked.find(|step| match step {
        Step::Targets { source: Source::Srv, targets, .. } => (targets[1].host == "alive.example").then_some(()),
        _ => None,
    });
    walked.find(|step| match step {
        Step::Addresses { host, addresses, .. } => (host == "dead.example" && addresses.len() == 1).then_some(()),
        _ => None,
    });
    let (_, verdict) = walked.find(|step| match step {
        Step::Connect { host, .. } => (host == "dead.example").then_some(()),
        _ => None,
    });
    assert!(matches!(verdict, Verdict::Notable(why) if why == "connection refused"), "{verdict:?}");
}

#[tokio::test]
async fn what_the_dns_says_of_domains_without_a_server() {
    let a_site = Site::start("a.example");
    let zone = Zone::unsigned("example")
        .with("_xmpp-server._tcp.declines.example", 60, srv(0, 0, 0, "."))
        .with("_xmpp-server._tcp.lost.example", 60, srv(0, 0, 5269, "nowhere.example"))
        .with("other.example", 60, a("127.0.0.1"));
    let server = DnsServer::start(vec![zone]).await;
    a_site.s2s.set_resolver(resolver(server.address()));
    let targets = |source| Step::Targets { source, secure: false, targets: vec![] };

    let walked = walk(&a_site, "missing.example").await;
    assert_eq!(walked.assert_failed("NXDOMAIN"), &targets(Source::Address));

    let walked = walk(&a_site, "declines.example").await;
    assert_eq!(walked.assert_failed("no XMPP server"), &targets(Source::Srv));
    let (_, verdict) = walked.find(|step| match step {
        Step::Srv { records, .. } => records.first().is_some_and(|record| record.target == ".").then_some(()),
        _ => None,
    });
    assert!(matches!(verdict, Verdict::Notable(why) if why.contains("no such service")), "{verdict:?}");

    let walked = walk(&a_site, "lost.example").await;
    let step = walked.assert_failed("nowhere.example in the DNS");
    assert!(matches!(step, Step::Addresses { host, .. } if host == "nowhere.example"), "{step:?}");
}

/// RFC 7673: no authority knows the certificate, but the DNS does; or it knows of another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_the_dns_announces() {
    let made = rcgen::generate_simple_self_signed(["b.example".to_owned()]).unwrap();
    let der = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let a_site = Site::with("a.example", |setup| {
        setup.policy.dane = true;
        setup.policy.rules.require = Require::Dane;
    });
    let b_site = Site::with("b.example", |setup| setup.identity = Identity::new(vec![der.clone()], key).unwrap());
    b_site.knows(&[&a_site]);
    let port = b_site.address.port();
    let place = format!("_{port}._tcp.host.example");
    for (digest, good) in [(Sha256::digest(&der).to_vec(), true), (vec![0; 32], false)] {
        let zone = Zone::signed("")
            .with("_xmpp-server._tcp.b.example", 60, srv(0, 0, port, "host.example"))
            .with("host.example", 60, a("127.0.0.1"))
            .with(&place, 60, tlsa(3, 0, 1, &digest));
        let mut anchor = tempfile::NamedTempFile::new().unwrap();
        anchor.write_all(zone.trust_anchor().as_bytes()).unwrap();
        let server = DnsServer::start(vec![zone]).await;
        let settings = ResolverSettings { nameservers: vec![server.address()], ..ResolverSettings::default() };
        let trust_anchor = Some(anchor.path().to_owned());
        let resolver = Resolver::new(ResolverSettings { dnssec: true, trust_anchor, ..settings }).unwrap();
        a_site.s2s.set_resolver(resolver);
        let walked = walk(&a_site, "b.example").await;
        walked.find(|step| matches!(step, Step::Srv { secure: true, .. }).then_some(()));
        let ((records, matched), verdict) = walked.find(|step| match step {
            Step::Dane { name, records, secure: true, matched } if *name == place => {
                Some((records.clone(), matched.clone()))
            }
            _ => None,
        });
        assert!(records.len() == 1 && records[0].starts_with("3 0 1 "), "{records:?}");
        let proven = Step::Proven { proofs: if good { vec![Proof::Dane] } else { vec![] } };
        if good {
            assert_eq!((matched.as_ref(), verdict), (records.first(), &Verdict::Good));
            walked.find(|step| (*step == proven).then_some(()));
        } else {
            assert!(matched.is_none() && matches!(verdict, Verdict::Notable(_)), "{verdict:?}");
            assert_eq!(walked.assert_failed("none of the 1 usable TLSA records"), &proven);
        }
    }
}

fn resolver(nameserver: SocketAddr) -> Resolver {
    let settings = ResolverSettings { nameservers: vec![nameserver], ..ResolverSettings::default() };
    Resolver::new(settings).unwrap()
}

#[tokio::test]
async fn domains_that_are_not_talked_to() {
    let a = Site::with("a.example", |setup| {
        setup.policy.block = vec!["*.blocked.example".parse::<DomainPattern>().unwrap()];
    });
    for (from, domain, words) in [
        ("a.example", "x.blocked.example", "is not talked to"),
        ("a.example", "a.example", "a.example is hosted here"),
        ("x.example", "b.example", "x.example is not hosted here"),
    ] {
        let walked = walk_as(&a, &from.parse().unwrap(), domain).await;
        assert_eq!(walked.steps(), ["policy"]);
        walked.assert_failed(words);
    }
}

/// Everything goes well but for the answer: it would have to come by a stream that the other side can't open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_never_comes() {
    let site = |name| {
        Site::with(name, |setup| {
            setup.policy.bidirectional = false;
            setup.settings.dial_timeout = Duration::from_secs(1);
        })
    };
    let (a, b) = (site("a.example"), site("b.example"));
    a.knows(&[&b]);
    let walked = walk(&a, "b.example").await;
    let step = walked.assert_failed("the other server has to reach this one");
    assert_eq!(step, &Step::Ping { error: None, over: None });
}

/// The connection breaks before anything came back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_cut() {
    let (a, b) = pair(|setup| setup.policy.bidirectional = false);
    let proxy = Proxy::to(b.address).await;
    a.routes(&b.domain, proxy.address);
    // The answer would come by a connection to here, where nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    b.routes(&a.domain, silent.local_addr().unwrap());
    let mut test = a.s2s.test(a.domain.clone(), b.domain.clone());
    let mut findings = Vec::new();
    while let Some(finding) = test.next().await {
        if matches!(finding.step, Step::Bidirectional { .. }) {
            proxy.cut();
        }
        findings.push(finding);
    }
    let conclusion = test.conclusion().await;
    let walked = Walked { findings, conclusion };
    let step = walked.assert_failed("the stream ended before anything came back");
    assert_eq!(step, &Step::Closed { error: None });
}

/// Whoever asked is gone: the stream of the test is closed all the same. It is listed as long as it is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_that_is_dropped_leaves_nothing() {
    let (a, b) = pair(|setup| setup.policy.bidirectional = false);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    b.routes(&a.domain, silent.local_addr().unwrap());
    let mut test = a.s2s.test(a.domain.clone(), b.domain.clone());
    while !matches!(test.next().await.unwrap().step, Step::Bidirectional { .. }) {}
    let established = || a.s2s.list().into_iter().any(|stream| stream.state == StreamState::Established);
    eventually(established, || format!("{:#?}", a.s2s.list())).await;
    let listed = a.s2s.list();
    assert_eq!(listed[0].pairs[0].accepted_by, Some(Method::External));
    drop(test);
    eventually(|| a.s2s.stream_count() == 0, || format!("{:#?}", a.s2s.list())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_tests_and_no_more() {
    let a = Site::start("a.example");
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    a.routes(&"b.example".parse().unwrap(), silent.local_addr().unwrap());
    let mut tests = Vec::new();
    for _ in 0..8 {
        let mut test = a.s2s.test(a.domain.clone(), "b.example".parse().unwrap());
        while !matches!(test.next().await.unwrap().step, Step::Connect { .. }) {}
        tests.push(test);
    }
    let walked = walk(&a, "b.example").await;
    assert!(!walked.conclusion.reached);
    assert_eq!(walked.conclusion.failure.as_deref(), Some("there are as many tests as there may be at once"));
    drop(tests);
    eventually(|| a.s2s.stream_count() == 0, || format!("{:#?}", a.s2s.list())).await;
}
