//! The features of the server: one file each, behind [`jabiru_router::Feature`].
//!
//! A new one is a file here (or a crate, once it keeps data) and a line in [`all`].

mod disco;
mod ping;
mod register;
mod session;
mod version;

use std::sync::Arc;

use jabiru_router::{FeatureConflict, Features};
use jabiru_storage::Accounts;

use self::disco::Disco;
use self::ping::Ping;
use self::register::Register;
pub(crate) use self::register::Registration;
use self::session::Session;
use self::version::Version;

/// All features, on these accounts.
///
/// # Errors
/// If two of them answer the same request: a mistake in the program.
pub(crate) fn all(accounts: Arc<dyn Accounts>, registration: Registration) -> Result<Features, FeatureConflict> {
    let mut features = Features::new();
    features.register(Disco)?;
    features.register(Ping)?;
    features.register(Version)?;
    features.register(Session)?;
    features.register(Register::new(accounts, registration))?;
    Ok(features)
}

#[cfg(test)]
mod tests;
