//! The cases. Which incident each repeats is said in `jabiru_attacks::incidents`.

mod accounts;
mod external;
mod guessing;
mod load;
mod negotiation;
mod parser;
mod relayed;
mod requests;
mod sasl;
mod source;
mod table;
mod tls;
