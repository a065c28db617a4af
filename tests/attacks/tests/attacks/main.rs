//! The cases. Which incident each repeats is said in `jabiru_attacks::incidents`.

mod load;
mod negotiation;
mod parser;
mod relayed;
mod requests;
mod sasl;
mod source;
mod table;
mod tls;
