//! `jabiru`, an XMPP server. Everything is in the library beside this.

use std::process::ExitCode;

fn main() -> ExitCode {
    jabiru_server::main()
}
