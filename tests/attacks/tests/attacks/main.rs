//! The cases. Which incident each repeats is said in `jabiru_attacks::incidents`.

mod accounts;
mod certificates;
mod control;
mod dialback;
mod elsewhere;
mod ending;
mod external;
mod federation;
mod floods;
mod guessing;
mod load;
mod management;
mod negotiation;
mod outgoing;
mod parser;
mod relayed;
mod requests;
mod sasl;
mod server_certificates;
mod server_floods;
mod server_tls;
mod source;
mod spoofed;
mod table;
mod tls;
