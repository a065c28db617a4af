//! Finds the server of a domain and connects to it, telling each step:
//! `cargo run -p jabiru-s2s --example find -- DOMAIN [NAMESERVER:PORT [TRUST-ANCHOR-FILE]]`

use std::error::Error;
use std::path::PathBuf;

use jabiru_s2s::connect::{ConnectLimits, Connector};
use jabiru_s2s::resolve::{Resolver, ResolverSettings};
use jabiru_stanza::DomainPart;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let domain = arguments.next().ok_or("which domain?")?;
    let domain = DomainPart::new(&domain)?;
    let nameservers = arguments.next().map(|address| address.parse()).transpose()?.into_iter().collect();
    let trust_anchor = arguments.next().map(PathBuf::from);
    let settings =
        ResolverSettings { nameservers, dnssec: trust_anchor.is_some(), trust_anchor, ..ResolverSettings::default() };
    let resolver = Resolver::new(settings)?;

    let found = resolver.find(&domain).await?;
    println!("by {}{}:", found.source, if found.secure { ", validated by DNSSEC" } else { "" });
    for target in &found.targets {
        println!("  {target}, priority {}, weight {}", target.priority, target.weight);
        match resolver.announced(target).await {
            Ok(records) => records.iter().for_each(|record| println!("    TLSA {record}")),
            Err(error) => println!("    {error}"),
        }
    }
    let mut connector = Connector::new(resolver, &found, ConnectLimits::default());
    connector.next(&mut |step| println!("{step}")).await?;
    Ok(())
}
