//! The life of a link: from the first stanza for a pair of domains to its rest (RFC 6120 §10.4, §3.3).

use std::pin::pin;
use std::sync::Arc;

use jabiru_net::caught;
use jabiru_router::RemoteError;
use jabiru_stanza::{StreamCondition, StreamError};

use crate::carry::{Carry, End};
use crate::dial::dial;
use crate::link::{Broke, Link};
use crate::service::Service;
use crate::trace::Trace;

/// Sees to it that what a link has to send gets a stream, until nothing is left to send or nothing can be.
///
/// Whoever was told [`Sent::TakenFirst`](crate::link::Sent::TakenFirst) runs this, once.
pub(crate) async fn run(service: Arc<Service>, link: Arc<Link>) {
    if let Err(panicked) = caught(pin!(keep_open(&service, &link))).await {
        panicked.report(link.pair());
        service.give_up(&link, RemoteError::Internal, "an error of this server").await;
    }
}

async fn keep_open(service: &Arc<Service>, link: &Arc<Link>) {
    let mut previous = None;
    loop {
        if let Some((error, reason)) = unwanted(service, link) {
            service.give_up(link, error, reason).await;
            return;
        }
        let trace = Trace::silent();
        match dial(service, link.pair(), &trace).await {
            Ok(dialled) => {
                // What was asked before the stream was there may be answered otherwise by now.
                let router = service.router().filter(|_| unwanted(service, link).is_none());
                let Some(router) = router else {
                    dialled.refuse(
                        StreamError::new(StreamCondition::Reset).with_text("it is not wanted any more"),
                        service,
                    );
                    continue;
                };
                let outbox = dialled.connection.outbox().clone();
                let carry = Carry::new(service, link, router, dialled, previous.take());
                let End { resumable, reason, because, error: _ } = carry.run().await;
                link.lost(&outbox);
                settle(service, link, because, resumable.is_some(), &reason).await;
                previous = resumable;
                if previous.is_none() && link.rest() {
                    return;
                }
                match link.broke(&reason, |failures| service.pause(failures, &mut rand::rng())) {
                    Broke::AtOnce => {}
                    Broke::After(pause) => tokio::time::sleep(pause).await,
                    Broke::GiveUp => {
                        let pair = link.pair();
                        tracing::warn!(from = %pair.sender, domain = %pair.target, reason, "streams to this domain break, one after the other");
                        service.give_up(link, RemoteError::Timeout, &reason).await;
                        return;
                    }
                }
            }
            // Ended by an order; whether another is wanted is looked at anew.
            Err(error) if error.ours => {}
            Err(error) => {
                let pair = link.pair();
                // A server that was there a moment ago may be starting again.
                let lately = link.last_open().is_some_and(|ended| ended.elapsed() < service.settings.patience);
                let go_on = lately && error.passing && !service.live.is_ending();
                if !go_on {
                    tracing::warn!(from = %pair.sender, domain = %pair.target, failed = %error, "no stream to this domain");
                    service.give_up(link, error.remote, &error.text).await;
                    return;
                }
                tracing::info!(from = %pair.sender, domain = %pair.target, failed = %error, "no stream to this domain yet");
                let pause = |failures| service.pause(failures, &mut rand::rng()).min(LONGEST_PAUSE_WHILE_WAITING);
                tokio::time::sleep(link.failed_once(&error.text, pause)).await;
            }
        }
    }
}

/// Why nothing is to be sent to this domain, or from it, if so.
fn unwanted(service: &Service, link: &Link) -> Option<(RemoteError, &'static str)> {
    let pair = link.pair();
    if service.router().is_none() || service.live.is_ending() {
        return Some((RemoteError::Timeout, "the server shuts down"));
    }
    if !service.hosted.contains(&pair.sender) {
        return Some((RemoteError::Internal, "the domain is not served here any more"));
    }
    if service.hosted.contains(&pair.target) {
        return Some((RemoteError::NotFound, "the domain is served here"));
    }
    service.policy().rules(&pair.target).is_none().then_some((RemoteError::Blocked, "the domain is not talked to"))
}

/// Goes on with a link whose stream was another server's, and is gone for good.
pub(crate) async fn go_on_without(service: Arc<Service>, link: Arc<Link>) {
    let unconfirmed = link.take_unconfirmed();
    service.bounce(unconfirmed, RemoteError::Timeout, "the stream broke, and was not resumed").await;
    if !link.rest() {
        run(service, link).await;
    }
}

/// What becomes of what was sent and not confirmed.
pub(crate) async fn settle(service: &Arc<Service>, link: &Link, because: Because, resumable: bool, reason: &str) {
    match because {
        // The other side said how far it was, and took nothing after that: the rest has not arrived.
        Because::Finished => link.send_again(),
        // Whether it has arrived is found out when the stream is resumed.
        Because::Broken if resumable => {}
        Because::Broken | Because::Closed => {
            let unconfirmed = link.take_unconfirmed();
            if !unconfirmed.is_empty() {
                tracing::warn!(domain = %link.pair().target, stanzas = unconfirmed.len(), reason,
                    "a stream ended before what was sent on it was acknowledged; its senders are told");
            }
            service.bounce(unconfirmed, RemoteError::Timeout, reason).await;
        }
    }
}

/// What ended a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Because {
    /// Its connection was lost, or something went wrong on it.
    Broken,
    /// It was closed in good order.
    Closed,
    /// So too, and the other side said at the end what it has handled.
    Finished,
}

/// People wait for what waits here.
const LONGEST_PAUSE_WHILE_WAITING: std::time::Duration = std::time::Duration::from_secs(8);
