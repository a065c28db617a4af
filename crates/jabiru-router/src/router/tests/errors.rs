//! Errors: what comes back instead of what was asked for, and what has to come before an end.

use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll, Wake, Waker};

use super::*;

/// A feature that panics, at once or later, costs who asked an error and nobody anything else.
#[test]
fn panic_in_a_feature_costs_one_error() {
    #[derive(Clone, Copy)]
    enum Panics {
        AtOnce,
        Later,
        /// And once more when what is left of it is thrown away.
        Twice,
    }
    struct Twice;
    impl Future for Twice {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            panic!("once, on purpose")
        }
    }
    impl Drop for Twice {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "twice, on purpose");
        }
    }
    impl Panics {
        fn now_or_later<T: Send + 'static>(self) -> Eventually<T> {
            async fn after_a_while_panics<T>() -> T {
                after_a_while(0).await;
                panic!("later, on purpose")
            }
            match self {
                Panics::AtOnce => panic!("at once, on purpose"),
                Panics::Later => Eventually::later(after_a_while_panics()),
                Panics::Twice => Eventually::Later(Box::pin(Never(Twice, PhantomData))),
            }
        }
    }
    /// A future of whatever is wanted, that never gives it.
    struct Never<T>(Twice, PhantomData<fn() -> T>);
    impl<T> Future for Never<T> {
        type Output = T;
        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
            Pin::new(&mut self.0).poll(context).map(|()| unreachable!())
        }
    }
    impl Feature for Panics {
        fn name(&self) -> &'static str {
            "panics"
        }
        fn requests(&self) -> &[IqRequest] {
            const { &[IqRequest::get(Target::Server, "q", "urn:q")] }
        }
        fn handle_iq(&self, _: &Stanza, _: RequestContext<'_>) -> Eventually<IqAnswer> {
            self.now_or_later()
        }
        fn resource_available(&self, _: &FullJid, _: &Stanza) -> Eventually<()> {
            self.now_or_later()
        }
        fn resource_unavailable(&self, _: &FullJid) -> Eventually<()> {
            self.now_or_later()
        }
    }
    for panics in [Panics::AtOnce, Panics::Later, Panics::Twice] {
        let mut features = Features::new();
        features.register(panics).unwrap();
        let server = Server::with(Arc::new(InMemory::new()), features);
        let romeo = server.login("romeo@im.example/orchard");
        let mut texts = Vec::new();
        for id in ["1", "2"] {
            romeo.sends(&format!("<iq id='{id}' type='get' to='im.example'><q xmlns='urn:q'/></iq>"));
            let [answer] = &romeo.stream.take()[..] else { panic!("not one answer") };
            assert_eq!(answer.id().as_deref(), Some(id));
            let error = StanzaError::parse(answer.raw()).unwrap();
            assert_eq!(*error.condition(), Condition::InternalServerError);
            texts.push(error.text().unwrap().to_owned());
        }
        // Each names its own line of the log.
        assert_ne!(texts[0], texts[1]);
        romeo.sends("<presence id='3'/>");
        romeo.sends("<message id='4' to='romeo@im.example/orchard'/>");
        assert_eq!(romeo.stream.ids(), ["3", "4"]);
        romeo.leaves();
        let account = Account::of(&romeo.jid).unwrap();
        assert!(block_on(server.router.backend().snapshot(account)).unwrap().is_empty());
    }
}

/// RFC 6120 §8.3.3.5 and §8.3.3.14: who asks for an account that has moved is told where, as long as nobody is there.
#[test]
fn moved_accounts() {
    for server in Server::each() {
        let romeo = server.login("romeo@im.example/orchard");
        let moved = |permanent| crate::Moved { uri: "xmpp:juliet@new.example?a&b".to_owned(), permanent };
        let juliet: BareJid = "juliet@im.example".parse().unwrap();
        for (permanent, error) in [(true, "type='cancel'><gone "), (false, "type='modify'><redirect ")] {
            server.router.moved().set(&juliet, moved(permanent));
            for (xml, answered) in [
                ("<message to='juliet@im.example'/>", true),
                ("<message to='juliet@im.example/balcony'/>", true),
                ("<message type='chat' to='juliet@im.example/balcony'/>", true),
                ("<message type='headline' to='juliet@im.example'/>", true),
                ("<message type='error' to='juliet@im.example'><error/></message>", false),
                ("<presence to='juliet@im.example'/>", false),
                ("<presence type='subscribe' to='juliet@im.example'/>", false),
                ("<iq type='get' id='1' to='juliet@im.example'><q xmlns='urn:q'/></iq>", true),
                ("<iq type='set' id='1' to='juliet@im.example/balcony'><q xmlns='urn:q'/></iq>", true),
                ("<iq type='result' id='1' to='juliet@im.example/balcony'/>", false),
                ("<iq type='error' id='1' to='juliet@im.example'><error/></iq>", false),
            ] {
                romeo.sends(xml);
                let got = romeo.stream.take_written();
                assert_eq!(got.len(), usize::from(answered), "{xml}: {got:?}");
                let told = |got: &String| got.contains(error) && got.contains(">xmpp:juliet@new.example?a&amp;b</");
                assert!(got.iter().all(told), "{xml}: {got:?}");
            }
        }
        romeo.sends("<message to='nobody@im.example'/>");
        assert!(romeo.stream.take_written()[0].contains(UNAVAILABLE));
        // Not looked at while somebody is there.
        let balcony = server.login("juliet@im.example/balcony");
        romeo.sends("<message id='1' to='juliet@im.example/balcony'/>");
        romeo.sends("<message id='2' to='juliet@im.example/phone'/>");
        assert_eq!(balcony.stream.ids(), ["1"]);
        assert!(romeo.stream.take_written()[0].contains(UNAVAILABLE));
        balcony.leaves();
        server.router.moved().remove(&juliet);
        romeo.sends("<message to='juliet@im.example'/>");
        assert!(romeo.stream.take_written()[0].contains(UNAVAILABLE));
    }
}

/// RFC 6120 §8.3.3.13: the backend knows the resource, but not how to reach it at the moment.
#[test]
fn unreachable_recipient() {
    #[derive(Default)]
    struct Away(AtomicBool);
    impl ResourceSink for Away {
        fn deliver(&self, _: &Stanza) -> Result<(), Refused> {
            Err(Refused::Unreachable)
        }
        fn close(&self, _: StreamError) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    for server in Server::each() {
        let sink = Arc::new(Away::default());
        let romeo = server.login("romeo@im.example/orchard");
        let away = FullJid::new("juliet@im.example/away").unwrap();
        let registered = server.router.register(&away, Arc::<Away>::clone(&sink), OnConflict::Refuse, 10);
        let id = block_on(registered).unwrap().unwrap().id;
        romeo.sends("<message id='1' to='juliet@im.example/away'/>");
        romeo.sends("<iq type='result' id='2' to='juliet@im.example/away'/>");
        let from_to = "from='juliet@im.example/away' to='romeo@im.example/orchard'";
        let error = CONSTRAINT.replace("resource-constraint", "recipient-unavailable");
        romeo.receives(&[&format!("<message type='error' id='1' {from_to}>{error}</message>")]);
        // Who is reached is enough, and a broadcast ends nobody's stream.
        let balcony = server.login("juliet@im.example/balcony");
        for (jid, id) in [(&away, id), (&balcony.jid, balcony.id)] {
            let mut presence = stanza("<presence id='3'/>");
            presence.set_from(Arc::new(jid.clone().into()));
            block_on(server.router.receive(jid, id, presence)).unwrap();
        }
        romeo.sends("<message id='4' to='juliet@im.example'/>");
        romeo.receives(&[]);
        assert_eq!(balcony.stream.ids(), ["3", "3", "4"]);
        assert!(!sink.0.load(Ordering::Relaxed));
    }
}

/// RFC 6120 §10.4: what a way to other domains says becomes what the sender is told.
#[test]
fn other_domains() {
    struct Remote {
        later: bool,
        sent: Mutex<Vec<String>>,
    }
    impl RemoteDomains for Remote {
        fn send(&self, stanza: &Stanza) -> Eventually<Result<(), RemoteError>> {
            let mut written = Vec::new();
            stanza.write(&mut written, ns::SERVER);
            self.sent.lock().push(String::from_utf8(written).unwrap());
            let result = match stanza.to().unwrap().domain().as_str() {
                "notfound.example" => Err(RemoteError::NotFound),
                "timeout.example" => Err(RemoteError::Timeout),
                "full.example" => Err(RemoteError::Full),
                "blocked.example" => Err(RemoteError::Blocked),
                "internal.example" => Err(RemoteError::Internal),
                _ => Ok(()),
            };
            if self.later { Eventually::later(after_a_while(result)) } else { Eventually::Now(result) }
        }
    }
    for later in [false, true] {
        let remote = Arc::new(Remote { later, sent: Mutex::default() });
        let server = Server::on(Arc::new(InMemory::new()));
        let server = Server { router: server.router.with_remote(Arc::<Remote>::clone(&remote)) };
        let romeo = server.login("romeo@im.example/orchard");
        for (domain, expected) in [
            ("notfound.example", Some("remote-server-not-found")),
            ("timeout.example", Some("remote-server-timeout")),
            ("full.example", Some("resource-constraint")),
            ("blocked.example", Some("policy-violation")),
            ("internal.example", Some("internal-server-error")),
            ("there.example", None),
        ] {
            romeo.sends(&format!("<message id='1' to='juliet@{domain}/b'/>"));
            romeo.sends(&format!("<message type='error' id='2' to='{domain}'><error/></message>"));
            let got = romeo.stream.take();
            let conditions: Vec<_> =
                got.iter().map(|got| StanzaError::parse(got.raw()).unwrap().condition().name()).collect();
            assert_eq!(conditions, Vec::from_iter(expected), "{domain}");
            let from = "from='romeo@im.example/orchard'";
            assert_eq!(
                *std::mem::take(&mut *remote.sent.lock()),
                [
                    format!("<message id='1' to='juliet@{domain}/b' {from}/>"),
                    format!("<message type='error' id='2' to='{domain}' {from}><error/></message>"),
                ]
            );
        }
    }
}

/// RFC 6120 §8.3.3.12: presence is multiplied, so it has a bound of its own; nothing else has that bound.
#[test]
fn presence_that_is_too_big() {
    for server in Server::each() {
        let [a, b] = ["juliet@im.example/a", "juliet@im.example/b"].map(|jid| server.login(jid));
        let size = |rest: &str, size: usize| {
            let frame = format!("<presence {rest}><error></error></presence>");
            frame.replacen("></", &format!(">{}</", "x".repeat(size - frame.len())), 1)
        };
        b.sends("<presence/>");
        b.stream.take();
        for rest in
            ["id='1'", "id='1' type='unavailable'", "id='1' to='juliet@im.example/b'", "id='1' type='subscribe'"]
        {
            a.sends(&size(rest, MAX_PRESENCE_BYTES + 1));
            let [answer] = &a.stream.take()[..] else { panic!("not one answer to {rest}") };
            let error = StanzaError::parse(answer.raw()).unwrap();
            assert_eq!((error.condition().name(), answer.id().as_deref()), ("policy-violation", Some("1")), "{rest}");
            assert!(error.text().unwrap().contains("16384 bytes"), "{error}");
            assert!(error.application().unwrap().is("stanza-too-big", "urn:xmpp:errors"));
            b.receives(&[]);
        }
        a.sends(&size("id='2' type='error' to='juliet@im.example/b'", MAX_PRESENCE_BYTES + 1));
        a.receives(&[]);
        a.sends(&size("id='3'", MAX_PRESENCE_BYTES));
        a.sends(
            &size("id='4'", MAX_PRESENCE_BYTES)
                .replace("presence", "message")
                .replace(" id", " to='juliet@im.example/b' id"),
        );
        assert_eq!(b.stream.ids(), ["3", "4"]);
    }
}

/// What is answered before the streams of the account are closed is on its way by then; so it is if who asked is gone
/// meanwhile. Everything else closes at once.
#[test]
fn answer_comes_before_the_end() {
    /// Answers when it is told to.
    struct Slow(Arc<AtomicBool>);
    impl Feature for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }
        fn requests(&self) -> &[IqRequest] {
            const {
                &[
                    IqRequest::set(Target::OwnAccount, "q", "urn:q").before_closing(),
                    IqRequest::get(Target::OwnAccount, "q", "urn:q"),
                ]
            }
        }
        fn handle_iq(&self, _: &Stanza, context: RequestContext<'_>) -> Eventually<IqAnswer> {
            context.closing.wait_for_answer();
            let go = Arc::clone(&self.0);
            Eventually::later(poll_fn(move |_| match go.load(Ordering::Relaxed) {
                true => Poll::Ready(IqAnswer::Result(None)),
                false => Poll::Pending,
            }))
        }
    }
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    for (kind, gone) in [("set", false), ("set", true), ("get", false)] {
        let go = Arc::new(AtomicBool::new(false));
        let mut features = Features::new();
        features.register(Slow(Arc::clone(&go))).unwrap();
        let server = Server::with(Arc::new(InMemory::new()), features);
        let [romeo, other] = ["romeo@im.example/a", "romeo@im.example/b"].map(|jid| server.login(jid));
        let mut request = stanza(&format!("<iq type='{kind}' id='1'><q xmlns='urn:q'/></iq>"));
        request.set_from(Arc::new(romeo.jid.clone().into()));
        let mut asking = Some(Box::pin(server.router.receive(&romeo.jid, romeo.id, request).into_future()));
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        assert!(asking.as_mut().unwrap().as_mut().poll(&mut context).is_pending());

        let error = StreamError::new(StreamCondition::Reset);
        let account = Account::of(&romeo.jid).unwrap();
        // One of two that are under way: the end waits for both.
        let mut second = stanza(&format!("<iq type='{kind}' id='3'><q xmlns='urn:q'/></iq>"));
        second.set_from(Arc::new(other.jid.clone().into()));
        let mut second = Some(Box::pin(server.router.receive(&other.jid, other.id, second).into_future()));
        assert!(second.as_mut().unwrap().as_mut().poll(&mut context).is_pending());
        let mut closing = pin!(server.router.close_account(account, &error).into_future());
        let waits = closing.as_mut().poll(&mut context).is_pending();
        assert_eq!((waits, other.stream.closed().is_none()), (kind == "set", kind == "set"));
        if !waits {
            continue;
        }
        // Asking again puts nothing off.
        let mut again = stanza("<iq type='set' id='2'><q xmlns='urn:q'/></iq>");
        again.set_from(Arc::new(other.jid.clone().into()));
        let mut again = Box::pin(server.router.receive(&other.jid, other.id, again).into_future());
        assert!(again.as_mut().poll(&mut context).is_pending());
        go.store(true, Ordering::Relaxed);
        assert!(closing.as_mut().poll(&mut context).is_pending() && !woken.0.load(Ordering::Relaxed));
        if gone {
            asking = None;
        } else {
            assert!(asking.as_mut().unwrap().as_mut().poll(&mut context).is_ready());
            assert_eq!(romeo.stream.ids(), ["1"]);
        }
        assert!(closing.as_mut().poll(&mut context).is_pending() && !woken.0.load(Ordering::Relaxed));
        second = None;
        assert!(woken.0.load(Ordering::Relaxed) && romeo.stream.closed().is_none());
        assert_eq!(closing.as_mut().poll(&mut context), Poll::Ready(2));
        assert_eq!((romeo.stream.closed(), other.stream.closed()), (Some(error.clone()), Some(error)));
        drop((asking, second));
    }
}

/// RFC 6120 §8.3.3.3, §8.4 and §13.10.2: what is not implemented of a namespace that is known, but nothing about others:
/// their bare and full JIDs, there or not, give one and the same error.
#[test]
fn known_namespaces() {
    struct Knows;
    impl Feature for Knows {
        fn name(&self) -> &'static str {
            "knows"
        }
        fn requests(&self) -> &[IqRequest] {
            const {
                &[
                    IqRequest::get(Target::Server, "q", "urn:server"),
                    IqRequest::get(Target::OwnAccount, "q", "urn:own"),
                    IqRequest::get(Target::OtherAccount, "q", "urn:other"),
                ]
            }
        }
    }
    let mut features = Features::new();
    features.register(Knows).unwrap();
    let server = Server::with(Arc::new(InMemory::new()), features);
    let [romeo, _juliet] = ["romeo@im.example/orchard", "juliet@im.example/balcony"].map(|jid| server.login(jid));
    for (to, namespace, implemented) in [
        ("to='im.example'", "urn:server", true),
        ("to='im.example'", "urn:own", false),
        ("to='im.example/x'", "urn:server", false),
        ("", "urn:own", true),
        ("to='romeo@im.example'", "urn:own", true),
        ("to='romeo@im.example'", "urn:other", false),
        ("to='juliet@im.example'", "urn:other", false),
        ("to='juliet@im.example/balcony'", "urn:other", false),
        ("to='juliet@im.example/none'", "urn:other", false),
        ("to='nobody@im.example'", "urn:other", false),
        ("to='nobody@im.example/none'", "urn:other", false),
        ("to='im.example'", "urn:unknown", false),
    ] {
        for (kind, element) in [("set", "q"), ("get", "other")] {
            romeo.sends(&format!("<iq type='{kind}' id='1' {to}><{element} xmlns='{namespace}'/></iq>"));
            let [answer] = &romeo.stream.take()[..] else { panic!("not one answer") };
            let error = StanzaError::parse(answer.raw()).unwrap();
            let expected = if implemented { "feature-not-implemented" } else { "service-unavailable" };
            assert_eq!((error.condition().name(), error.text()), (expected, None), "{kind} {element} {namespace} {to}");
        }
    }
}
