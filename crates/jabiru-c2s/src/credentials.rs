//! Between the storage's words for credentials and the negotiation's: siblings that do not know
//! each other.

use std::time::Duration;

use jabiru_negotiation::{AccountStatus, CredentialsAnswer, ScramHash, scram};
use jabiru_stanza::BareJid;
use jabiru_storage::{self as storage, Accounts};

/// Looks an account up for authentication.
pub(crate) async fn look_up(
    accounts: &dyn Accounts,
    address: &BareJid,
    hash: ScramHash,
    within: Duration,
) -> CredentialsAnswer {
    let found = match tokio::time::timeout(within, accounts.look_up(address, stored_hash(hash))).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::error!(account = %address, %error, "can't look up an account");
            return CredentialsAnswer::Unavailable;
        }
        Err(_) => {
            tracing::error!(account = %address, "the storage does not answer in time");
            return CredentialsAnswer::Unavailable;
        }
    };
    let Some((status, Some(credential))) = found.map(|account| (account.status, account.credential)) else {
        return CredentialsAnswer::Unknown;
    };
    let status = match status {
        storage::AccountStatus::Active => AccountStatus::Active,
        storage::AccountStatus::CredentialsExpired => AccountStatus::CredentialsExpired,
        // Where it has moved is told to those who write to it (RFC 6120 §8.3.3.5), not here.
        storage::AccountStatus::Disabled | storage::AccountStatus::Moved => AccountStatus::Disabled,
        // A state that this version does not know is no reason to let anybody in.
        _ => AccountStatus::Disabled,
    };
    match scram::ScramKeys::from_stored(hash, credential.stored_key(), credential.server_key()) {
        Ok(keys) => CredentialsAnswer::Found {
            credentials: scram::ScramCredentials {
                salt: credential.salt().to_vec(),
                iterations: credential.iterations(),
                keys,
            },
            status,
        },
        Err(error) => {
            tracing::error!(account = %address, %error, "stored credentials can't be used");
            CredentialsAnswer::Unavailable
        }
    }
}

fn stored_hash(hash: ScramHash) -> storage::ScramHash {
    match hash {
        ScramHash::Sha1 => storage::ScramHash::Sha1,
        ScramHash::Sha256 => storage::ScramHash::Sha256,
        ScramHash::Sha512 => storage::ScramHash::Sha512,
    }
}
