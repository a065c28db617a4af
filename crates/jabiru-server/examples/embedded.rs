//! A whole server inside another program: starts one in a temporary folder, gives it an account, and stops it.
//!
//! `cargo run -p jabiru-server --example embedded`

use jabiru_negotiation::{ScramHash, scram::ScramCredentials};
use jabiru_server::Server;
use jabiru_server::config::Config;
use jabiru_stanza::BareJid;
use jabiru_storage::{Credentials, ScramCredential};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut config = Config { data_directory: folder.path().join("data"), ..Config::default() };
    config.c2s.starttls = vec!["127.0.0.1:0".parse()?];
    config.c2s.direct_tls = vec!["127.0.0.1:0".parse()?];
    config.s2s.enabled = false;

    let server = Server::start(&config).await?;
    let made = ScramCredentials::create(ScramHash::Sha256, "correct horse", 10_000)?;
    let credential = ScramCredential::new(
        jabiru_storage::ScramHash::Sha256,
        made.iterations,
        made.salt.clone(),
        made.keys.stored_key().to_vec(),
        made.keys.server_key().to_vec(),
    )?;
    server.accounts().create(&BareJid::new("alice@localhost")?, Credentials::new([credential])?).await?;
    for account in server.accounts().list(None, None, 10).await? {
        println!("{} may log in at {}", account.address, server.starttls_addresses()[0]);
    }
    println!("shut down, {} streams left", server.shut_down().await);
    Ok(())
}
