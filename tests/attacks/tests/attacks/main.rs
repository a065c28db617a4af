//! The cases. Which incident each repeats is said in `jabiru_attacks::incidents`.

mod load;
mod negotiation;
mod parser;
mod relayed;
mod sasl;
mod tls;
