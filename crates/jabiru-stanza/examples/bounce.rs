//! Reads stanzas from standard input, one a line, and prints the error that answers each.
//!
//! `echo "<message id='1' to='juliet@im.example'/>" | cargo run -p jabiru-stanza --example bounce`

use std::io::{self, BufRead};

use jabiru_stanza::{Condition, ContentNamespace, Jid, RawElement, Stanza, StanzaError, StanzaFault, ns};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sender = Jid::new("romeo@im.example/orchard")?;
    for line in io::stdin().lock().lines() {
        let raw = match RawElement::parse(&line?, ns::CLIENT) {
            Ok(raw) => raw,
            Err(error) => {
                println!("not XML: {error}");
                continue;
            }
        };
        let (mut stanza, error) = match Stanza::parse(raw, ContentNamespace::Client) {
            Ok(stanza) => (stanza, StanzaError::new(Condition::ServiceUnavailable)),
            Err(StanzaFault::Stanza { stanza, error }) => (*stanza, error),
            Err(StanzaFault::Stream(error)) => {
                println!("the stream would end: {error}");
                continue;
            }
        };
        stanza.set_from(sender.clone());
        match error.reply_to(&stanza) {
            Some(reply) => {
                let mut out = Vec::new();
                reply.write(&mut out, ns::CLIENT);
                println!("{}", String::from_utf8_lossy(&out));
            }
            None => println!("a response is not answered"),
        }
    }
    Ok(())
}
