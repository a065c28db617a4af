//! A bound resource: registered with the router until its stream ends, however that happens.

use std::sync::Arc;

use jabiru_negotiation::BindError;
use jabiru_net::{Outbox, caught_now, random_letters};
use jabiru_router::{Eventually, OnConflict, RegisterError, ResourceId, Router};
use jabiru_stanza::{BareJid, FullJid, ResourcePart};

use crate::settings::{ConflictPolicy, Settings};

/// Registered until [`leave`](Self::leave), or until dropped if its task panics.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) jid: FullJid,
    pub(crate) id: ResourceId,
    router: Router,
    left: bool,
}

impl Bound {
    /// Binds the resource asked for, or one of our making (RFC 6120 §7.6, §7.7).
    pub(crate) async fn bind(
        router: &Router,
        settings: &Settings,
        account: &BareJid,
        requested: Option<ResourcePart>,
        outbox: &Arc<Outbox>,
    ) -> Result<Bound, BindError> {
        let limit = settings.resources_per_account;
        let mut resource = requested;
        let on_conflict = match settings.on_conflict {
            ConflictPolicy::Replace => OnConflict::Replace,
            ConflictPolicy::Refuse | ConflictPolicy::Assign => OnConflict::Refuse,
        };
        for _ in 0..BIND_TRIES {
            let assigned = resource.is_none();
            let part = match resource.take() {
                Some(part) => part,
                None => random_resource()?,
            };
            let jid = account.with_resource(&part);
            match router.register(&jid, outbox.clone(), on_conflict, limit).await {
                Ok(registration) => {
                    return Ok(Bound { jid, id: registration.id, router: router.clone(), left: false });
                }
                Err(RegisterError::Conflict) if assigned || settings.on_conflict == ConflictPolicy::Assign => {}
                Err(RegisterError::Conflict) => return Err(BindError::Conflict),
                Err(RegisterError::TooManyResources { .. }) => return Err(BindError::ResourceConstraint),
                Err(RegisterError::NotAnAccount) => return Err(BindError::NotAllowed),
                Err(error @ RegisterError::Unavailable) => {
                    tracing::error!(%jid, %error, "can't register a resource");
                    return Err(BindError::Unavailable);
                }
                Err(error) => {
                    tracing::error!(%jid, %error, "can't register a resource");
                    return Err(BindError::Internal);
                }
            }
        }
        tracing::error!(%account, "random resources were all in use");
        Err(BindError::Internal)
    }

    /// Tells the others that the resource is gone, and forgets it.
    pub(crate) async fn leave(mut self) {
        self.router.unregister(&self.jid, self.id).await;
        self.left = true;
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        // The task panicked or was aborted: nobody waits here, so what takes time goes to a task of its own.
        match caught_now(|| self.router.unregister(&self.jid, self.id)) {
            Ok(Eventually::Now(())) => {}
            Ok(Eventually::Later(leaving)) => drop(tokio::spawn(leaving)),
            Err(panicked) => drop(panicked.report(&self.jid)),
        }
    }
}

/// More tries than random resources of 80 bits can need; one more for the one asked for.
const BIND_TRIES: usize = 4;

/// A resourcepart that nobody can guess (RFC 6120 §7.5): 80 bits in letters and digits.
fn random_resource() -> Result<ResourcePart, BindError> {
    let text = random_letters(16).map_err(|error| {
        tracing::error!(%error, "no random numbers");
        BindError::Internal
    })?;
    Ok(text.parse().expect("letters and digits are a resourcepart"))
}
