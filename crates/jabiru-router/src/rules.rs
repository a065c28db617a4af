//! The rules: where a stanza goes, as plain functions over a snapshot.
//!
//! They are RFC 6120 §10.3 to §10.5 and RFC 6121 §8. Where RFC 6120 §10.5.4 (a full JID without its
//! resource counts as the bare JID, SHOULD) and RFC 6121 §8.5.3.2 (only for `chat`, MUST) disagree,
//! the MUST wins. An account that does not exist cannot be told from one without resources, so it
//! gets the same answers (RFC 6120 §13.11); the rules do not even know the difference.

use jabiru_stanza::{Condition, IqType, Jid, MessageType, PresenceType, ResourceRef, Stanza, StanzaKind};

use crate::{Account, HostedDomains, ResourceId, Snapshot, Target};

/// What an address stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination<'a> {
    /// A domain that is not hosted here (RFC 6120 §10.4).
    Remote,
    /// A hosted domain itself (§10.5.1), or with a resourcepart (§10.5.2).
    Server {
        /// Was there a resourcepart?
        resource: bool,
    },
    /// No `to`: the account of the sender (§10.3).
    Sender(Account<'a>),
    /// An account (§10.5.3), or one of its resources (§10.5.4).
    Account {
        /// The account.
        account: Account<'a>,
        /// The resource of a full JID.
        resource: Option<&'a ResourceRef>,
    },
}

/// What is to happen to a stanza.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// These resources get it, as it is; there is at least one.
    Deliver(Recipients),
    /// This resource of another account gets an IQ request if it shares its presence with the sender (RFC 6121
    /// §8.5.3.1), of which these rules know nothing; else the sender is told `service-unavailable`.
    Ask(ResourceId),
    /// The server answers this IQ request.
    Answer(Target),
    /// It is the sender's own presence, for those who share it (RFC 6120 §10.3.2).
    Broadcast,
    /// It concerns a subscription (RFC 6121 §3) or is a probe (§4.3): for whoever keeps the roster.
    Roster,
    /// It is for another server (RFC 6120 §10.4).
    Remote,
    /// The sender gets this stanza error, unless the stanza is a response itself.
    Bounce(Condition),
    /// Nothing, and nobody is told.
    Ignore,
}

/// Which resources of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// This one.
    Resource(ResourceId),
    /// The available ones with the highest priority, all of them if several share it; none if even
    /// that is negative. This is our reading of "most available" (RFC 6121 §8.5.2.1.1).
    MostAvailable,
    /// The available ones whose priority is not negative.
    NonNegative,
    /// The available ones.
    Available,
}

/// Where a stanza with this `to`, or without, is bound.
///
/// Without `to` it is the sender's account; without a trustworthy sender too it is the server.
#[must_use]
pub fn destination<'a>(stanza: &'a Stanza, domains: &HostedDomains) -> Destination<'a> {
    match stanza.to() {
        None => match stanza.from().and_then(|from| Account::of(from)) {
            Some(account) => Destination::Sender(account),
            None => Destination::Server { resource: false },
        },
        Some(to) if !domains.contains(to.domain()) => Destination::Remote,
        Some(to) => match Account::of(to) {
            Some(account) => Destination::Account { account, resource: to.resource() },
            None => Destination::Server { resource: to.resource().is_some() },
        },
    }
}

/// What is to happen to a stanza bound there, given the resources of the account it is for.
#[must_use]
pub fn decide(stanza: &Stanza, destination: Destination<'_>, resources: &Snapshot) -> Verdict {
    match destination {
        Destination::Remote => Verdict::Remote,
        Destination::Server { resource } => to_server(stanza.kind(), resource),
        Destination::Sender(_) => match stanza.kind() {
            // RFC 6120 §10.3.1: as if addressed to the sender's bare JID.
            StanzaKind::Message(kind) => message_to_bare(kind, resources),
            StanzaKind::Presence(_) => Verdict::Broadcast,
            StanzaKind::Iq(IqType::Get | IqType::Set) => Verdict::Answer(Target::OwnAccount),
            // §10.3.3 item 3: the server has asked nothing.
            StanzaKind::Iq(IqType::Result | IqType::Error) => Verdict::Ignore,
        },
        Destination::Account { account, resource: None } => match stanza.kind() {
            StanzaKind::Message(kind) => message_to_bare(kind, resources),
            StanzaKind::Presence(kind) => presence_to_bare(kind, resources),
            StanzaKind::Iq(IqType::Get | IqType::Set) if is_of(stanza, account) => Verdict::Answer(Target::OwnAccount),
            StanzaKind::Iq(IqType::Get | IqType::Set) => Verdict::Answer(Target::OtherAccount),
            StanzaKind::Iq(IqType::Result | IqType::Error) => Verdict::Ignore,
        },
        Destination::Account { account, resource: Some(part) } => match resources.find(part) {
            Some(resource) => {
                let deliver = Verdict::Deliver(Recipients::Resource(resource.id));
                match stanza.kind() {
                    StanzaKind::Iq(IqType::Get | IqType::Set) if !is_of(stanza, account) => Verdict::Ask(resource.id),
                    StanzaKind::Presence(kind) if is_for_roster(kind) => Verdict::Roster,
                    StanzaKind::Message(_) | StanzaKind::Presence(_) | StanzaKind::Iq(_) => deliver,
                }
            }
            None => to_missing_resource(stanza.kind(), resources),
        },
    }
}

/// The account that this stanza asks something of, be it there or not, if it may be told that the account has moved:
/// presence and responses are not answered, and to its own account nobody is a stranger.
#[must_use]
pub fn asked_account<'a>(stanza: &Stanza, destination: Destination<'a>) -> Option<Account<'a>> {
    let Destination::Account { account, .. } = destination else { return None };
    let asks = match stanza.kind() {
        StanzaKind::Message(kind) => kind != MessageType::Error,
        StanzaKind::Iq(kind) => matches!(kind, IqType::Get | IqType::Set),
        StanzaKind::Presence(_) => false,
    };
    (asks && !is_of(stanza, account)).then_some(account)
}

const UNAVAILABLE: Verdict = Verdict::Bounce(Condition::ServiceUnavailable);

/// Was the stanza sent by a resource of this account?
fn is_of(stanza: &Stanza, account: Account<'_>) -> bool {
    let from: Option<&Jid> = stanza.from().map(|from| &**from);
    from.and_then(Account::of) == Some(account)
}

/// Is presence of this type the roster's business?
fn is_for_roster(kind: PresenceType) -> bool {
    match kind {
        PresenceType::Subscribe
        | PresenceType::Subscribed
        | PresenceType::Unsubscribe
        | PresenceType::Unsubscribed
        | PresenceType::Probe => true,
        PresenceType::Available | PresenceType::Unavailable | PresenceType::Error => false,
    }
}

/// RFC 6120 §10.5.1 and §10.5.2. There is nothing at a domain's resourceparts.
fn to_server(kind: StanzaKind, resource: bool) -> Verdict {
    match kind {
        StanzaKind::Iq(IqType::Get | IqType::Set) if !resource => Verdict::Answer(Target::Server),
        StanzaKind::Iq(IqType::Get | IqType::Set) => UNAVAILABLE,
        StanzaKind::Iq(IqType::Result | IqType::Error) | StanzaKind::Message(MessageType::Error) => Verdict::Ignore,
        StanzaKind::Message(_) => UNAVAILABLE,
        // A server shares no presence, and says so to who asks for it.
        StanzaKind::Presence(PresenceType::Subscribe) => UNAVAILABLE,
        // RFC 6121 §4.3: a probe is never answered by an error.
        StanzaKind::Presence(_) => Verdict::Ignore,
    }
}

/// RFC 6121 §8.5.2.1.1, and §8.5.2.2.1 without offline storage.
fn message_to_bare(kind: MessageType, resources: &Snapshot) -> Verdict {
    let anybody = resources.highest_priority().is_some();
    match kind {
        MessageType::Normal | MessageType::Chat if anybody => Verdict::Deliver(Recipients::MostAvailable),
        MessageType::Headline if anybody => Verdict::Deliver(Recipients::NonNegative),
        MessageType::Normal | MessageType::Chat | MessageType::Groupchat => UNAVAILABLE,
        MessageType::Headline | MessageType::Error => Verdict::Ignore,
    }
}

/// RFC 6121 §8.5.2.1.2 and §8.5.2.2.2. Those sections say nothing about errors; one is addressed to
/// a bare JID if it answers what came from there, which is what subscriptions do (RFC 6120 §8.1.2.1).
fn presence_to_bare(kind: PresenceType, resources: &Snapshot) -> Verdict {
    match kind {
        PresenceType::Available | PresenceType::Unavailable | PresenceType::Error
            if resources.available().next().is_some() =>
        {
            Verdict::Deliver(Recipients::Available)
        }
        _ if is_for_roster(kind) => Verdict::Roster,
        _ => Verdict::Ignore,
    }
}

/// RFC 6121 §8.5.3.2.
fn to_missing_resource(kind: StanzaKind, resources: &Snapshot) -> Verdict {
    match kind {
        StanzaKind::Message(MessageType::Chat) => message_to_bare(MessageType::Chat, resources),
        // Of "ignore or return an error", the one that tells the sender; it reveals nothing, for it
        // does not depend on the account.
        StanzaKind::Message(MessageType::Normal | MessageType::Groupchat | MessageType::Headline) => UNAVAILABLE,
        StanzaKind::Message(MessageType::Error) => Verdict::Ignore,
        StanzaKind::Presence(PresenceType::Subscribe | PresenceType::Probe) => Verdict::Roster,
        StanzaKind::Presence(_) => Verdict::Ignore,
        StanzaKind::Iq(IqType::Get | IqType::Set) => UNAVAILABLE,
        // §8.5.3.2.3 asks for an error, RFC 6120 §8.3.1 forbids to answer a response.
        StanzaKind::Iq(IqType::Result | IqType::Error) => Verdict::Ignore,
    }
}

#[cfg(test)]
mod tests;
