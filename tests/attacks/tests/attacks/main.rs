//! The cases. Which incident each repeats is said in `jabiru_attacks::incidents`.

mod parser;
mod relayed;
