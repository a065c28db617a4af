//! What the operator orders: the end of one account's streams, of a domain's, or of all of them.

use std::time::Duration;

use jabiru_router::Account;
use jabiru_stanza::{DomainPart, Jid, StreamCondition, StreamError};

use crate::service::C2s;

impl C2s {
    /// Ends the streams of an account, or of the one resource that a full JID names, with this error; returns how
    /// many there were. The address of a domain is nobody's.
    ///
    /// Asks the routing backend, so streams on other machines of a distributed one end too. Who is just logging in
    /// is not found: to keep somebody out, disable the account.
    pub async fn kick(&self, who: &Jid, error: StreamError) -> usize {
        let router = self.router();
        let Some(account) = Account::of(who) else { return 0 };
        let ended = match who.resource() {
            None => router.close_account(account, &error).await,
            Some(part) => {
                let snapshot = router.backend().snapshot(account).await;
                snapshot.find(part).map(|resource| resource.sink.close(error.clone())).iter().len()
            }
        };
        tracing::info!(%who, %error, streams = ended, "kicked");
        ended
    }

    /// Sends everybody elsewhere: live streams end with `see-other-host` (RFC 6120 §4.9.3.19) naming `target`, a
    /// domain or address with an optional port (`[2001:db8::1]:5222`), and so does every stream that still comes,
    /// after its header was answered; where STARTTLS is offered, under TLS only. Without a target it is
    /// `system-shutdown` (§4.9.3.20).
    ///
    /// Does not wait for it. Of several orders the latest counts for those who come.
    pub fn drain(&self, target: Option<String>) {
        tracing::info!(target = target.as_deref(), streams = self.stream_count(), "draining");
        let condition = target.map_or(StreamCondition::SystemShutdown, StreamCondition::SeeOtherHost);
        self.live().end_all(&condition.into());
    }

    /// Ends the streams of domains that are no longer served, also those that are still being negotiated, with
    /// `host-gone` (RFC 6120 §4.9.3.5), and returns how many. To be called after the domains were taken out of the
    /// policy and the router: from then on whoever comes gets `host-unknown`.
    pub fn end_domains(&self, domains: &[DomainPart]) -> usize {
        self.live().end_domains(domains, &StreamCondition::HostGone.into())
    }

    /// Ends the streams of domains with `reset` (RFC 6120 §4.9.3.16) and this text, also those that are still being
    /// negotiated, and returns how many: their clients are to come again, and meet what holds now, such as another
    /// certificate.
    pub fn restart_domains(&self, domains: &[DomainPart], text: &str) -> usize {
        self.live().end_domains(domains, &StreamError::new(StreamCondition::Reset).with_text(text))
    }

    /// Orders the end of every stream with `system-shutdown` (RFC 6120 §4.9.3.20), also of those that still come,
    /// and does not wait for it.
    pub fn end_streams(&self) {
        self.live().end_all(&StreamError::new(StreamCondition::SystemShutdown));
    }

    /// Ends every stream as [`end_streams`](Self::end_streams) does and waits until what was
    /// pending is sent, at most for `within`. Listeners have to be stopped before. Returns how
    /// many streams had not ended in time.
    pub async fn shut_down(&self, within: Duration) -> usize {
        self.end_streams();
        let ended = tokio::time::timeout(within, self.live().wait_until_empty()).await;
        if ended.is_ok() { 0 } else { self.stream_count() }
    }
}
