//! Finds the server of a domain and connects to it, telling each step:
//! `cargo run -p jabiru-s2s --example find -- [DOMAIN [NAMESERVER:PORT [TRUST-ANCHOR-FILE]]]`
//!
//! Without a domain it asks no name server: it looks for `capulet.example`, for which a route of
//! two targets is set, the first of them gone, the second a listener of its own.

use std::error::Error;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use jabiru_s2s::connect::{ConnectLimits, Connector};
use jabiru_s2s::resolve::{Host, Resolver, ResolverSettings, Route};
use jabiru_stanza::DomainPart;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let named = arguments.next();
    let nameservers = arguments.next().map(|address| address.parse()).transpose()?.into_iter().collect();
    let trust_anchor = arguments.next().map(PathBuf::from);
    let mut settings =
        ResolverSettings { nameservers, dnssec: trust_anchor.is_some(), trust_anchor, ..ResolverSettings::default() };
    let domain = DomainPart::new(named.as_deref().unwrap_or("capulet.example"))?;
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    if named.is_none() {
        let route = |port| Route { host: Host::Address(Ipv4Addr::LOCALHOST.into()), port, direct_tls: false };
        let ports = [gone.local_addr()?.port(), listener.local_addr()?.port()];
        settings.routes.insert(domain.clone().into_owned(), ports.map(route).to_vec());
    }
    drop(gone);
    let resolver = Resolver::new(settings)?;

    let found = resolver.find(&domain).await?;
    println!("by {}{}:", found.source, if found.secure { ", securely" } else { "" });
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
