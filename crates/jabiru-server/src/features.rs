//! The features of the server: one file each, behind [`jabiru_router::Feature`].
//!
//! A new one is a file here (or a crate, once it keeps data) and a line in [`all`].

mod disco;
mod ping;
mod session;
mod version;

use jabiru_router::{FeatureConflict, Features};

use self::disco::Disco;
use self::ping::Ping;
use self::session::Session;
use self::version::Version;

/// All features.
///
/// # Errors
/// If two of them answer the same request: a mistake in the program.
pub(crate) fn all() -> Result<Features, FeatureConflict> {
    let mut features = Features::new();
    features.register(Disco)?;
    features.register(Ping)?;
    features.register(Version)?;
    features.register(Session)?;
    Ok(features)
}

#[cfg(test)]
mod tests;
