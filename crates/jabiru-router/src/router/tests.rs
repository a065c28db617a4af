//! What clients see of the router, with the in-memory backend and with one that always takes time.

use std::sync::atomic::{AtomicUsize, Ordering};

use jabiru_stanza::{BareJid, ContentNamespace, Element, RawElement, StreamCondition, ns};
use parking_lot::Mutex;

use super::*;
use crate::battery::{Recorder, block_on};
use crate::{Change, Feature, InMemory, IqRequest, Presence, Resource};

/// A server with its streams.
struct Server {
    router: Router,
}

struct Client<'a> {
    server: &'a Server,
    jid: FullJid,
    id: ResourceId,
    stream: Arc<Recorder>,
}

impl Server {
    /// One server on each sort of backend.
    fn each() -> [Server; 2] {
        [Server::on(Arc::new(InMemory::new())), Server::on(Arc::new(Later(InMemory::new())))]
    }

    fn on(backend: Arc<dyn RoutingBackend>) -> Server {
        Server::with(backend, Features::new())
    }

    fn with(backend: Arc<dyn RoutingBackend>, features: Features) -> Server {
        let domains = ["im.example".parse().unwrap()].into_iter().collect();
        Server { router: Router::new(backend, domains, features) }
    }

    fn login(&self, jid: &str) -> Client<'_> {
        self.login_with(jid, Recorder::new())
    }

    fn login_with(&self, jid: &str, stream: Recorder) -> Client<'_> {
        let (jid, stream) = (FullJid::new(jid).unwrap(), Arc::new(stream));
        let sink: Arc<dyn ResourceSink> = Arc::<Recorder>::clone(&stream);
        let registered = block_on(self.router.register(&jid, sink, OnConflict::Replace, 10)).unwrap().unwrap();
        Client { server: self, jid, id: registered.id, stream }
    }
}

impl Client<'_> {
    fn sends(&self, xml: &str) {
        let mut stanza = stanza(xml);
        stanza.set_from(Arc::new(self.jid.clone().into()));
        block_on(self.server.router.receive(&self.jid, self.id, stanza)).unwrap();
    }

    /// Everything that came since the last look.
    #[track_caller]
    fn receives(&self, expected: &[&str]) {
        assert_eq!(self.stream.take_written(), expected, "at {}", self.jid);
    }

    fn leaves(&self) {
        block_on(self.server.router.unregister(&self.jid, self.id)).unwrap();
    }
}

const UNAVAILABLE: &str =
    "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
const CONSTRAINT: &str =
    "<error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";

/// RFC 6121 §8.5.2.1.1 and §8.5.3.1: `to` is not rewritten, `from` is the stamped one.
#[test]
fn messages_reach_bare_and_full_jids() {
    for server in Server::each() {
        let romeo = server.login("romeo@im.example/orchard");
        let [balcony, phone] = ["juliet@im.example/balcony", "juliet@im.example/phone"].map(|jid| server.login(jid));
        balcony.sends("<presence><priority>5</priority></presence>");
        balcony.stream.take();
        romeo.sends("<message from='liar@x' to='juliet@im.example' type='chat' id='1'><body>&lt;</body></message>");
        romeo.sends("<message to='juliet@im.example/phone' id='2'/>");
        romeo.sends("<message to='juliet@im.example/gone' type='chat' id='3'/>");
        balcony.receives(&[
            "<message to='juliet@im.example' type='chat' id='1' from='romeo@im.example/orchard'><body>&lt;</body></message>",
            "<message to='juliet@im.example/gone' type='chat' id='3' from='romeo@im.example/orchard'/>",
        ]);
        phone.receives(&["<message to='juliet@im.example/phone' id='2' from='romeo@im.example/orchard'/>"]);
        romeo.receives(&[]);
    }
}

/// RFC 6120 §10.3.1: a message without `to` counts as one to the own bare JID.
#[test]
fn message_without_to_comes_back() {
    for server in Server::each() {
        let romeo = server.login("romeo@im.example/orchard");
        romeo.sends("<message id='0'/>");
        romeo.sends("<presence/>");
        romeo.sends("<message id='1'/>");
        let got = romeo.stream.take_written();
        // Not available at first: RFC 6121 §8.5.2.2.1.
        assert!(got[0].contains(UNAVAILABLE) && got[0].contains("id='0'"), "{got:?}");
        assert!(got[1].starts_with("<presence"), "{got:?}");
        assert_eq!(got[2], "<message id='1' from='romeo@im.example/orchard' to='romeo@im.example'/>");
        assert_eq!(got.len(), 3);
    }
}

/// RFC 6120 §8.3.1, §10.4.3, RFC 6121 §8.5: what can't be delivered is answered, but no response is.
#[test]
fn undeliverable_stanzas_are_answered() {
    for server in Server::each() {
        let romeo = server.login("romeo@im.example/orchard");
        for (xml, answer) in [
            (
                "<message id='1' to='nobody@im.example'/>",
                format!(
                    "<message type='error' id='1' from='nobody@im.example' to='romeo@im.example/orchard'>{UNAVAILABLE}</message>"
                ),
            ),
            (
                "<iq id='2' type='get' to='nobody@im.example/x'><q xmlns='urn:q'/></iq>",
                format!(
                    "<iq type='error' id='2' from='nobody@im.example/x' to='romeo@im.example/orchard'>{UNAVAILABLE}</iq>"
                ),
            ),
            (
                "<iq id='3' type='set'><q xmlns='urn:q'/></iq>",
                format!(
                    "<iq type='error' id='3' from='romeo@im.example' to='romeo@im.example/orchard'>{UNAVAILABLE}</iq>"
                ),
            ),
            (
                "<message to='juliet@elsewhere.example'/>",
                format!(
                    "<message type='error' from='juliet@elsewhere.example' to='romeo@im.example/orchard'>{}</message>",
                    UNAVAILABLE
                        .replace("service-unavailable", "remote-server-not-found")
                        .replace("<error", "<error by='im.example'")
                ),
            ),
        ] {
            romeo.sends(xml);
            romeo.receives(&[&answer]);
        }
        romeo.sends("<message type='error' to='nobody@im.example'><error/></message>");
        romeo.sends("<iq type='result' id='1' to='nobody@im.example/x'/>");
        romeo.sends("<iq type='error' id='1' to='elsewhere.example'><error/></iq>");
        romeo.sends("<message type='headline' to='nobody@im.example'/>");
        romeo.sends("<presence to='nobody@im.example'/>");
        romeo.sends("<presence type='subscribe' to='nobody@im.example'/>");
        romeo.receives(&[]);
    }
}

/// The stated policy: of a stanza for a full queue one of the two ends hears, if that harms nobody.
#[test]
fn full_queue_is_not_silent() {
    for server in Server::each() {
        let romeo = server.login("romeo@im.example/orchard");
        let juliet = server.login_with("juliet@im.example/slow", Recorder::with_limit(1));
        romeo.sends("<message id='1' to='juliet@im.example/slow'/>");
        romeo.sends("<message id='2' to='juliet@im.example/slow'/>");
        let from_to = "from='juliet@im.example/slow' to='romeo@im.example/orchard'";
        romeo.receives(&[&format!("<message type='error' id='2' {from_to}>{CONSTRAINT}</message>")]);
        assert_eq!((juliet.stream.ids(), juliet.stream.closed()), (vec!["1".into()], None));
        let condition = |client: &Client<'_>| Some(client.stream.closed()?.condition().name());
        // A response can't be answered, and nobody ends the stream of somebody else with it.
        romeo.sends("<iq type='result' id='3' to='juliet@im.example/slow'/>");
        romeo.receives(&[]);
        assert_eq!(condition(&juliet), None);
        // What the server answers to juliet herself has to arrive.
        juliet.sends("<iq type='get' id='4' to='im.example'><ping xmlns='urn:xmpp:ping'/></iq>");
        assert_eq!(condition(&juliet), Some("resource-constraint"));

        // One copy of several, and a broadcast.
        let [slow, slower] = [("slow", 2), ("slower", 3)]
            .map(|(name, limit)| server.login_with(&format!("tybalt@im.example/{name}"), Recorder::with_limit(limit)));
        slow.sends("<presence/>");
        slower.sends("<presence/>");
        assert_eq!((slow.stream.ids().len(), slower.stream.ids().len()), (2, 2));
        romeo.sends("<message id='4' to='tybalt@im.example'/>");
        romeo.receives(&[]);
        assert_eq!((condition(&slow), condition(&slower)), (None, None));
        assert_eq!((slow.stream.ids().len(), slower.stream.ids().len()), (2, 3));
        slower.sends("<presence><show>away</show></presence>");
        assert_eq!((condition(&slow), condition(&slower)), (Some("resource-constraint"), Some("resource-constraint")));
    }
}

/// A stream that has ended but is still registered: decided anew without it.
#[test]
fn gone_resource_is_passed_over() {
    for server in Server::each() {
        let romeo = server.login("romeo@im.example/orchard");
        let all = [("a", 5), ("b", 4), ("c", 3)].map(|(name, priority)| {
            let client = server.login(&format!("juliet@im.example/{name}"));
            client.sends(&format!("<presence><priority>{priority}</priority></presence>"));
            client
        });
        let [a, b, c] = &all;
        c.stream.take();
        a.stream.close(StreamCondition::Reset.into());
        romeo.sends("<message id='1' type='chat' to='juliet@im.example/a'/>");
        b.stream.close(StreamCondition::Reset.into());
        romeo.sends("<message id='2' to='juliet@im.example'/>");
        romeo.sends("<message id='3' to='juliet@im.example/a'/>");
        assert_eq!(b.stream.ids().last().unwrap(), "1");
        assert_eq!(c.stream.ids(), ["2"]);
        let got = romeo.stream.take_written();
        assert!(got.len() == 1 && got[0].contains("id='3'") && got[0].contains(UNAVAILABLE), "{got:?}");
        // At most MAX_ATTEMPTS: with all three gone the answer comes, and no endless search.
        c.stream.close(StreamCondition::Reset.into());
        romeo.sends("<message id='4' to='juliet@im.example'/>");
        assert!(romeo.stream.take_written()[0].contains(UNAVAILABLE));
    }
}

/// RFC 6121 §4.2.2, §4.4.2 and §4.5.2 within one account, and §4.3 for the newcomer.
#[test]
fn presence_is_shared_within_the_account() {
    for server in Server::each() {
        let [a, b, stranger] =
            ["juliet@im.example/a", "juliet@im.example/b", "romeo@im.example/x"].map(|jid| server.login(jid));
        stranger.sends("<presence/>");
        stranger.stream.take();
        let of = |name: &str, rest: &str| {
            format!("<presence{rest} from='juliet@im.example/{name}' to='juliet@im.example'/>")
        };
        a.sends("<presence/>");
        a.receives(&[&of("a", "")]);
        b.receives(&[]);
        b.sends("<presence id='n'/>");
        a.receives(&[&of("b", " id='n'")]);
        b.receives(&[&of("b", " id='n'"), &of("a", "")]);
        // An update is no new beginning.
        b.sends("<presence id='u'/>");
        a.receives(&[&of("b", " id='u'")]);
        b.receives(&[&of("b", " id='u'")]);
        b.sends("<presence type='unavailable' id='e'/>");
        a.receives(&[&of("b", " type='unavailable' id='e'")]);
        b.receives(&[&of("b", " type='unavailable' id='e'")]);
        // Not available any more: nothing to tell.
        b.sends("<presence type='unavailable'/>");
        b.leaves();
        a.receives(&[]);
        let b = server.login("juliet@im.example/b");
        b.sends("<presence/>");
        a.stream.take();
        b.leaves();
        a.receives(&[&of("b", " type='unavailable'")]);
        stranger.receives(&[]);
    }
}

/// RFC 6120 §7.7.2.2: what a replaced stream left is broadcast, and it has no say any more.
#[test]
fn replaced_resource_becomes_unavailable() {
    for server in Server::each() {
        let [a, old] = ["juliet@im.example/a", "juliet@im.example/b"].map(|jid| server.login(jid));
        a.sends("<presence/>");
        old.sends("<presence/>");
        a.stream.take();
        let new = server.login("juliet@im.example/b");
        assert_eq!(old.stream.closed(), Some(StreamCondition::Conflict.into()));
        a.receives(&["<presence type='unavailable' from='juliet@im.example/b' to='juliet@im.example'/>"]);
        old.sends("<presence><priority>9</priority></presence>");
        old.leaves();
        a.receives(&[]);
        new.sends("<presence/>");
        assert_eq!(a.stream.take().len(), 1);
    }
}

/// RFC 6121 §4.7.2.3 and §4.7.1: what is no presence for everybody is refused and changes nothing.
#[test]
fn bad_presence_is_refused() {
    for server in Server::each() {
        let romeo = server.login("romeo@im.example/orchard");
        for xml in [
            "<presence><priority>128</priority></presence>",
            "<presence><priority>high</priority></presence>",
            "<presence type='subscribe'/>",
            "<presence type='unsubscribed'/>",
        ] {
            romeo.sends(xml);
            let got = romeo.stream.take_written();
            assert!(got.len() == 1 && got[0].contains("<bad-request "), "{xml}: {got:?}");
        }
        // However it was stamped, the answer goes to the resource that made the mistake.
        let raw = RawElement::parse("<presence type='subscribe'/>", ns::CLIENT).unwrap();
        let mut stanza = Stanza::parse(raw, ContentNamespace::Client).unwrap();
        stanza.set_from(Arc::new(romeo.jid.to_bare().into()));
        block_on(server.router.receive(&romeo.jid, romeo.id, stanza)).unwrap();
        assert_eq!(romeo.stream.take().len(), 1);
        romeo.sends("<presence type='probe'/>");
        romeo.sends("<presence type='error'><error/></presence>");
        romeo.receives(&[]);
        let snapshot = block_on(server.router.backend().snapshot(Account::of(&romeo.jid).unwrap())).unwrap();
        assert_eq!(snapshot.available().count(), 0);
    }
}

#[test]
fn closed_account_is_unreachable() {
    for server in Server::each() {
        let [romeo, juliet] = ["romeo@im.example/a", "juliet@im.example/a"].map(|jid| server.login(jid));
        juliet.sends("<presence/>");
        let error = StreamError::new(StreamCondition::NotAuthorized);
        let account = Account::of(&juliet.jid).unwrap();
        assert_eq!(block_on(server.router.close_account(account, &error)), Some(1));
        assert_eq!(juliet.stream.closed(), Some(error));
        romeo.sends("<message to='juliet@im.example'/>");
        assert!(romeo.stream.take_written()[0].contains(UNAVAILABLE));
    }
}

/// What features see and answer, at once and later.
#[test]
fn features_answer_and_see_presence() {
    for later in [false, true] {
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut features = Features::new();
        features.register(Probe { later, log: Arc::clone(&log) }).unwrap();
        let server = Server::with(Arc::new(InMemory::new()), features);
        let romeo = server.login("romeo@im.example/orchard");
        romeo.sends("<iq id='1' type='get' to='im.example'><q xmlns='urn:q'/></iq>");
        romeo.sends("<iq id='2' type='get' to='im.example'><other xmlns='urn:q'/></iq>");
        romeo.sends("<iq id='3' type='get'><q xmlns='urn:q'/></iq>");
        romeo.receives(&[
            "<iq type='result' id='1' from='im.example' to='romeo@im.example/orchard'><a xmlns='urn:q'/></iq>",
            &format!(
                "<iq type='error' id='2' from='im.example' to='romeo@im.example/orchard'>{}</iq>",
                UNAVAILABLE.replace("service-unavailable", "feature-not-implemented")
            ),
            &format!(
                "<iq type='error' id='3' from='romeo@im.example' to='romeo@im.example/orchard'>{UNAVAILABLE}</iq>"
            ),
        ]);
        for presence in ["<presence/>", "<presence/>", "<presence type='unavailable'/>", "<presence/>"] {
            romeo.sends(presence);
        }
        romeo.leaves();
        romeo.leaves();
        let available = "+romeo@im.example/orchard";
        let unavailable = "-romeo@im.example/orchard";
        assert_eq!(*log.lock(), [available, unavailable, available, unavailable], "later: {later}");
    }
}

fn stanza(xml: &str) -> Stanza {
    Stanza::parse(RawElement::parse(xml, ns::CLIENT).unwrap(), ContentNamespace::Client).unwrap()
}

/// A newcomer's picture of the others ends up right although they change while it is painted: the
/// presence that is on its way to the newcomer is overtaken by a newer one.
#[test]
fn newcomer_sees_the_last_presence() {
    for (newer, last) in [
        ("<presence id='new'/>", "<presence id='new' from='juliet@im.example/busy' to='juliet@im.example'/>"),
        (
            "<presence type='unavailable'/>",
            "<presence type='unavailable' from='juliet@im.example/busy' to='juliet@im.example'/>",
        ),
    ] {
        let backend = Arc::new(Overtaken { inner: InMemory::new(), meanwhile: Mutex::default() });
        let server = Server::on(Arc::<Overtaken>::clone(&backend));
        let [busy, newcomer] = ["juliet@im.example/busy", "juliet@im.example/new"].map(|jid| server.login(jid));
        busy.sends("<presence id='old'/>");
        let (router, jid, id) = (server.router.clone(), busy.jid.clone(), busy.id);
        *backend.meanwhile.lock() = Some(Box::new(move || {
            let raw = RawElement::parse(newer, ns::CLIENT).unwrap();
            let mut stanza = Stanza::parse(raw, ContentNamespace::Client).unwrap();
            stanza.set_from(Arc::new(jid.clone().into()));
            block_on(router.receive(&jid, id, stanza)).unwrap();
        }));
        newcomer.sends("<presence id='own'/>");
        let got = newcomer.stream.take_written();
        let position = |what: &str| got.iter().position(|stanza| stanza.contains(what));
        assert!(
            backend.meanwhile.lock().is_none() && position("'old'") > position(newer.trim_matches(['<', '/', '>']))
        );
        assert_eq!(got.last().unwrap(), last, "{got:?}");
    }
}

/// The in-memory backend, in which something happens just before the first delivery of `old`.
struct Overtaken {
    inner: InMemory,
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl RoutingBackend for Overtaken {
    fn register(
        &self,
        jid: &FullJid,
        sink: Arc<dyn ResourceSink>,
        on_conflict: OnConflict,
        limit: usize,
    ) -> Eventually<Result<Registration, RegisterError>> {
        self.inner.register(jid, sink, on_conflict, limit)
    }
    fn unregister(&self, jid: &FullJid, id: ResourceId) -> Eventually<Option<Change>> {
        self.inner.unregister(jid, id)
    }
    fn set_presence(&self, jid: &FullJid, id: ResourceId, presence: Option<Presence>) -> Eventually<Option<Change>> {
        self.inner.set_presence(jid, id, presence)
    }
    fn snapshot(&self, account: Account<'_>) -> Eventually<Snapshot> {
        self.inner.snapshot(account)
    }
    fn deliver(&self, resource: &Resource, stanza: &Stanza) -> Eventually<Result<(), Refused>> {
        if stanza.id().as_deref() == Some("old") {
            let meanwhile = self.meanwhile.lock().take();
            meanwhile.into_iter().for_each(|happens| happens());
        }
        self.inner.deliver(resource, stanza)
    }
    fn close_account(&self, account: Account<'_>, error: &StreamError) -> Eventually<Snapshot> {
        self.inner.close_account(account, error)
    }
}

/// A feature that answers one request of the server and writes down what it sees.
struct Probe {
    later: bool,
    log: Arc<Mutex<Vec<String>>>,
}

impl Probe {
    fn see(&self, what: String) -> Eventually<()> {
        let log = Arc::clone(&self.log);
        let write = move || log.lock().push(what);
        if self.later {
            return Eventually::later(async move { write() });
        }
        write();
        Eventually::Now(())
    }
}

impl Feature for Probe {
    fn name(&self) -> &'static str {
        "probe"
    }
    fn requests(&self) -> &[IqRequest] {
        const { &[IqRequest::get(Target::Server, "q", "urn:q")] }
    }
    fn handle_iq(&self, _: &Stanza, context: RequestContext<'_>) -> Eventually<IqAnswer> {
        assert_eq!(context.target, Target::Server);
        let answer = IqAnswer::Result(Some(Element::new("a", "urn:q")));
        if self.later { Eventually::later(after_a_while(answer)) } else { Eventually::Now(answer) }
    }
    fn resource_available(&self, resource: &FullJid, _: &Stanza) -> Eventually<()> {
        self.see(format!("+{resource}"))
    }
    fn resource_unavailable(&self, resource: &FullJid) -> Eventually<()> {
        self.see(format!("-{resource}"))
    }
}

/// A backend that answers everything later, as one across machines does.
struct Later(InMemory);

/// Ready only when it is polled the second time.
async fn after_a_while<T>(value: T) -> T {
    let polls = AtomicUsize::new(0);
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if polls.fetch_add(1, Ordering::Relaxed) == 0 { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    value
}

fn late<T: Send + 'static>(value: Eventually<T>) -> Eventually<T> {
    Eventually::later(async move { after_a_while(value).await.await })
}

impl RoutingBackend for Later {
    fn register(
        &self,
        jid: &FullJid,
        sink: Arc<dyn ResourceSink>,
        on_conflict: OnConflict,
        limit: usize,
    ) -> Eventually<Result<Registration, RegisterError>> {
        late(self.0.register(jid, sink, on_conflict, limit))
    }
    fn unregister(&self, jid: &FullJid, id: ResourceId) -> Eventually<Option<Change>> {
        late(self.0.unregister(jid, id))
    }
    fn set_presence(&self, jid: &FullJid, id: ResourceId, presence: Option<Presence>) -> Eventually<Option<Change>> {
        late(self.0.set_presence(jid, id, presence))
    }
    fn snapshot(&self, account: Account<'_>) -> Eventually<Snapshot> {
        late(self.0.snapshot(account))
    }
    fn deliver(&self, resource: &Resource, stanza: &Stanza) -> Eventually<Result<(), Refused>> {
        late(self.0.deliver(resource, stanza))
    }
    fn close_account(&self, account: Account<'_>, error: &StreamError) -> Eventually<Snapshot> {
        late(self.0.close_account(account, error))
    }
}

/// The router tests above mean nothing if this backend is wrong.
#[test]
fn late_backend_passes_the_battery() {
    crate::battery::prove(|| Arc::new(Later(InMemory::new())));
}

mod answers;
mod directed;
mod errors;
