//! What routing one chat message costs: `cargo bench -p jabiru-router`.
//!
//! The sink appends the message, as it is written on a client stream, to a buffer, as a connection's
//! outbox does; rows with a sink that does nothing and the last one show what of it is not the router's.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jabiru_router::battery::block_on;
use jabiru_router::{
    Eventually, Feature, Features, InMemory, IqAnswer, IqRequest, OnConflict, Refused, RequestContext, ResourceSink,
    Router, Target,
};
use jabiru_stanza::{ContentNamespace, FullJid, Jid, RawElement, Stanza, StreamError, ns};
use parking_lot::Mutex;

/// Appends to a buffer that is emptied when it is large.
struct Outbox(Mutex<Vec<u8>>);

impl ResourceSink for Outbox {
    fn deliver(&self, stanza: &Stanza) -> Result<(), Refused> {
        let mut buffer = self.0.lock();
        if buffer.len() > 1 << 20 {
            buffer.clear();
        }
        stanza.write(&mut buffer, ns::CLIENT);
        Ok(())
    }
    fn close(&self, _: StreamError) {}
}

/// Takes stanzas and does nothing with them.
struct Nothing;

impl ResourceSink for Nothing {
    fn deliver(&self, stanza: &Stanza) -> Result<(), Refused> {
        black_box(stanza);
        Ok(())
    }
    fn close(&self, _: StreamError) {}
}

struct Ping;

impl Feature for Ping {
    fn name(&self) -> &'static str {
        "ping"
    }
    fn requests(&self) -> &[IqRequest] {
        const { &[IqRequest::get(Target::Server, "ping", ns::PING)] }
    }
    fn handle_iq(&self, _: &Stanza, _: RequestContext<'_>) -> Eventually<IqAnswer> {
        Eventually::Now(IqAnswer::Result(None))
    }
}

const ACCOUNTS: usize = 10_000;

fn main() {
    let router = server(|| Arc::new(Outbox(Mutex::new(Vec::with_capacity(2 << 20)))));
    let bare_router = server(|| Arc::new(Nothing));
    let body = "x".repeat(200);
    let message = |to: &str| format!("<message to='{to}' type='chat' id='abcdefgh'><body>{body}</body></message>");
    println!("{ACCOUNTS} accounts with one resource each, one thread");
    for (what, router, xml) in [
        ("chat to a full JID", &router, message("user77@im.example/resource")),
        ("chat to a bare JID", &router, message("user77@im.example")),
        ("chat to a full JID, sink does nothing", &bare_router, message("user77@im.example/resource")),
        ("chat to a bare JID, sink does nothing", &bare_router, message("user77@im.example")),
        ("chat to nobody, bounced", &router, message("nobody@im.example")),
        (
            "ping to the server",
            &router,
            "<iq to='im.example' id='1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>".into(),
        ),
    ] {
        measure(what, &stanza(&xml), |stanza| {
            router.route(stanza).now().expect("in memory nothing takes time");
        });
    }
    measure("(of these: copying the stanza to route)", &stanza(&message("user77@im.example/resource")), |stanza| {
        black_box(stanza);
    });
}

fn server(sink: impl Fn() -> Arc<dyn ResourceSink>) -> Router {
    let mut features = Features::new();
    features.register(Ping).expect("there is only one");
    let domains = std::iter::once("im.example".parse().expect("a domain")).collect();
    let router = Router::new(Arc::new(InMemory::new()), domains, features);
    let shared = sink();
    for n in 0..ACCOUNTS {
        let jid = FullJid::new(&format!("user{n}@im.example/resource")).expect("a JID");
        let registered = block_on(router.register(&jid, Arc::clone(&shared), OnConflict::Refuse, 1));
        let id = registered.expect("at once").expect("a free address").id;
        let mut presence = stanza("<presence/>");
        presence.set_from(Arc::new(Jid::from(jid.clone())));
        block_on(router.receive(&jid, id, presence)).expect("at once");
    }
    router
}

fn stanza(xml: &str) -> Stanza {
    let raw = RawElement::parse(xml, ns::CLIENT).expect("well-formed");
    let mut stanza = Stanza::parse(raw, ContentNamespace::Client).expect("a stanza");
    stanza.set_from(Jid::new("user5@im.example/resource").expect("a JID"));
    stanza
}

fn measure(what: &str, stanza: &Stanza, mut run: impl FnMut(Stanza)) {
    // Many short rounds, of which the best counts: one that nothing else has disturbed.
    const ROUND: u32 = 2_000;
    let mut best = Duration::MAX;
    for _ in 0..400 {
        let start = Instant::now();
        for _ in 0..ROUND {
            run(stanza.clone());
        }
        best = best.min(start.elapsed());
    }
    let per = best.as_secs_f64() * 1e9 / f64::from(ROUND);
    println!("{what:<42} {per:>7.0} ns");
}
