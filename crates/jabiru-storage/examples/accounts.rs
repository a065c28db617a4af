//! Keeps accounts in a SQLite file, and watches what happens to them.
//!
//! ```text
//! cargo run -p jabiru-storage --example accounts -- /tmp/example.sqlite
//! ```
//! Without a file it takes a temporary one. Run it twice at the same time with the same file: each tells what the other has done to the file.

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jabiru_storage::{
    AccountStatus, Accounts, Changes, Credentials, ScramCredential, ScramHash, SqliteStorage, block_on,
};
use jid::BareJid;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = std::env::args().nth(1).map_or_else(|| folder.path().join("example.sqlite"), PathBuf::from);
    // Without a file of its own nobody else can come in, so there is no use in waiting for long.
    let patience = Duration::from_secs(if std::env::args().len() > 1 { 10 } else { 1 });
    let storage = SqliteStorage::open(path)?;
    println!("accounts in {}", storage.path().display());
    let mut position = block_on(storage.latest_change())?;

    let address = BareJid::new(&format!("user-{}@im.example", std::process::id()))?;
    block_on(storage.create(&address, invented_credentials()?))?;
    block_on(storage.set_status(&address, AccountStatus::Disabled))?;

    for account in block_on(storage.list(None, None, 100))? {
        println!("{}  {}", account.address, account.status.as_str());
    }
    let end = Instant::now() + patience;
    while Instant::now() < end {
        let changes = block_on(storage.changes_since(position))?;
        position = changes.position();
        match changes {
            Changes::Since { changes, .. } => {
                for change in changes {
                    println!("{}: {:?}", change.address, change.kind);
                }
            }
            _ => println!("so much has happened that some of it is forgotten"),
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    block_on(storage.remove(&address))?;
    println!("{:?}", storage.statistics());
    Ok(())
}

/// A server derives these from the password (RFC 5802 §3) and a random salt.
fn invented_credentials() -> Result<Credentials, Box<dyn Error>> {
    let hash = ScramHash::Sha256;
    let key = vec![1; hash.key_length()];
    let credential = ScramCredential::new(hash, 10_000, vec![2; 16], key.clone(), key)?;
    Ok(Credentials::new([credential])?)
}
