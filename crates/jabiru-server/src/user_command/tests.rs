//! Every command against accounts in memory, with a script in place of the terminal.

use std::collections::VecDeque;

use jabiru_negotiation::scram::ScramKeys;
use jabiru_storage::MemoryAccounts;
use zeroize::Zeroizing;

use super::*;

/// What somebody types, or what a pipe holds; and what was shown.
#[derive(Default)]
struct Script {
    terminal: bool,
    input: VecDeque<String>,
    output: Vec<String>,
    notes: Vec<String>,
    prompts: Vec<String>,
    broken_pipe: bool,
}

impl Script {
    fn pipe(input: &str) -> Self {
        Self { input: input.lines().map(str::to_owned).collect(), ..Self::default() }
    }

    fn terminal(input: &[&str]) -> Self {
        let input = input.iter().map(|line| (*line).to_owned()).collect();
        Self { terminal: true, input, ..Self::default() }
    }

    fn next(&mut self) -> io::Result<String> {
        self.input.pop_front().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl Console for Script {
    fn is_terminal(&self) -> bool {
        self.terminal
    }

    fn ask_secret(&mut self, prompt: &str) -> io::Result<Zeroizing<String>> {
        assert!(self.terminal);
        self.prompts.push(prompt.to_owned());
        self.next().map(Zeroizing::new)
    }

    fn ask(&mut self, prompt: &str) -> io::Result<String> {
        assert!(self.terminal);
        self.prompts.push(prompt.to_owned());
        self.next()
    }

    fn read_secret(&mut self) -> io::Result<Zeroizing<String>> {
        assert!(!self.terminal);
        self.next().map(Zeroizing::new)
    }

    fn print(&mut self, line: &str) -> io::Result<()> {
        if self.broken_pipe {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.output.push(line.to_owned());
        Ok(())
    }

    fn note(&mut self, line: &str) {
        self.notes.push(line.to_owned());
    }
}

struct Setting {
    config: Config,
    accounts: Arc<dyn Accounts>,
}

impl Setting {
    fn new() -> Self {
        Self { config: Config::default(), accounts: Arc::new(MemoryAccounts::new()) }
    }

    fn run(&self, arguments: &str, console: &mut Script) -> Result<String, String> {
        #[derive(clap::Parser)]
        struct Line {
            #[command(subcommand)]
            command: UserCommand,
        }
        let line = std::iter::once("user").chain(arguments.split(' '));
        let command = <Line as clap::Parser>::try_parse_from(line).unwrap().command;
        run_with(command, &self.config, Arc::clone(&self.accounts), console)
            .map(|()| console.output.join("\n"))
            .map_err(|error| format!("{error:#}"))
    }

    fn piped(&self, arguments: &str, input: &str) -> Result<String, String> {
        self.run(arguments, &mut Script::pipe(input))
    }

    fn status(&self, address: &str) -> Option<AccountStatus> {
        let address = address.parse().unwrap();
        block_on(self.accounts.look_up(&address, ScramHash::Sha1)).unwrap().map(|account| account.status)
    }

    /// Whether a client with this password could log in by every mechanism.
    fn accepts(&self, address: &str, password: &str) -> bool {
        use jabiru_negotiation::ScramHash as Hash;
        let address = address.parse().unwrap();
        [(Hash::Sha1, ScramHash::Sha1), (Hash::Sha256, ScramHash::Sha256), (Hash::Sha512, ScramHash::Sha512)]
            .into_iter()
            .all(|(hash, stored)| {
                let account = block_on(self.accounts.look_up(&address, stored)).unwrap().unwrap();
                let credential = account.credential.unwrap();
                let keys = ScramKeys::derive(hash, password, credential.salt(), credential.iterations()).unwrap();
                assert!(credential.salt().len() >= 16 && credential.iterations() >= 10_000);
                keys.stored_key() == credential.stored_key() && keys.server_key() == credential.server_key()
            })
    }
}

#[test]
fn add_from_a_pipe() {
    let setting = Setting::new();
    let said = setting.piped("add Romeo@LOCALHOST", "correct horse\nignored\n");
    assert_eq!(said, Ok("Created romeo@localhost.".to_owned()));
    assert!(setting.accepts("romeo@localhost", "correct horse"));
    assert!(!setting.accepts("romeo@localhost", "correct horse "));
    assert_eq!(setting.status("romeo@localhost"), Some(AccountStatus::Active));
}

/// Passwords are prepared by SASLprep (RFC 4013 §3): I, soft hyphen, X is IX; ª is a.
#[test]
fn passwords_are_prepared() {
    let setting = Setting::new();
    setting.piped("add romeo@localhost", "I\u{ad}X\u{aa} 12345\n").unwrap();
    assert!(setting.accepts("romeo@localhost", "IXa 12345"));
}

#[test]
fn each_hash_has_a_salt_of_its_own() {
    let first = password::derive("correct horse").unwrap();
    let second = password::derive("correct horse").unwrap();
    let salts: std::collections::HashSet<_> =
        first.iter().chain(second.iter()).map(|credential| credential.salt().to_vec()).collect();
    assert_eq!(salts.len(), 6);
}

#[test]
fn add_at_a_terminal() {
    let setting = Setting::new();
    let mut console = Script::terminal(&["first try", "frist try", "correct horse", "correct horse"]);
    setting.run("add romeo@localhost", &mut console).unwrap();
    assert_eq!(console.prompts[0], "Password for romeo@localhost: ");
    assert_eq!(console.notes, ["These were two different passwords; try again."]);
    assert!(setting.accepts("romeo@localhost", "correct horse"));

    let mut console = Script::terminal(&["1234567", "juliet@localhost", "correct horse", "correct horse"]);
    setting.run("add juliet@localhost", &mut console).unwrap();
    let notes = ["a password has at least 8 characters", "the account's name is no password"];
    assert_eq!(console.notes, notes.map(|why| format!("Try another: {why}.")));
    assert!(setting.accepts("juliet@localhost", "correct horse"));

    let mut console = Script::terminal(&["first try", "a", "second try", "b", "a", "third try", "third try"]);
    let error = setting.run("add nurse@localhost", &mut console).unwrap_err();
    assert_eq!(error, "no password that can be taken was typed twice in 3 tries");
    assert_eq!(setting.status("nurse@localhost"), None);
}

/// One sentence for each mistake, and nothing done.
#[test]
fn refused() {
    let setting = Setting::new();
    setting.piped("add romeo@localhost", "correct horse").unwrap();
    let exists =
        "there is already an account romeo@localhost; `jabiru user passwd romeo@localhost` gives it another password";
    let nobody = "there is no account nobody@localhost; `jabiru user list` shows those there are";
    for (arguments, input, expected) in [
        ("add romeo@localhost", "another", exists),
        ("add juliet@im.example", "x", "im.example is not hosted here; the configuration hosts localhost"),
        (
            "add juliet@localhost/balcony",
            "x",
            "\"juliet@localhost/balcony\" is the address of one resource; the account's is juliet@localhost",
        ),
        (
            "add juliet",
            "x",
            "\"juliet\" is a domain, not an account; an account's address has the form juliet@localhost",
        ),
        (
            "add localhost",
            "x",
            "\"localhost\" is a domain, not an account; an account's address has the form juliet@localhost",
        ),
        ("add a@b@c", "x", "\"a@b@c\" is not an address: second @ found before parsing the resource"),
        // Prepared once it is "Juliet", and "juliet" where that is prepared again.
        (
            "add \u{1d36}uliet@localhost",
            "x",
            "\"\u{1d36}uliet@localhost\" has characters that not everybody reads alike; it could be taken for juliet@localhost",
        ),
        ("add juliet@localhost", "", "standard input is empty: it must hold the password, on one line"),
        ("add juliet@localhost", "\n", "the password can't be used: the password is empty"),
        ("passwd nobody@localhost", "x", nobody),
        ("disable nobody@localhost", "", nobody),
        ("enable nobody@localhost", "", nobody),
        ("expire nobody@localhost", "", nobody),
        ("move nobody@localhost juliet@example.net", "", nobody),
        ("move nobody@localhost --back", "", nobody),
        ("move romeo@localhost --back", "", "romeo@localhost has not moved"),
        ("move romeo@localhost Romeo@localhost", "", "romeo@localhost can't move to itself"),
        ("remove nobody@localhost", "", nobody),
        ("remove nobody@localhost --yes", "", nobody),
        (
            "list im.example",
            "",
            "im.example is not hosted here, and has no accounts; the configuration hosts localhost",
        ),
        ("list a..b", "", "\"a..b\" is not a domain: domain doesn’t pass idna validation"),
    ] {
        assert_eq!(setting.piped(arguments, input), Err(expected.to_owned()), "{arguments}");
    }
    let mut console = Script::terminal(&[""]);
    assert_eq!(setting.run("add juliet@localhost", &mut console), Err("the password is empty".to_owned()));
    assert_eq!(setting.piped("list", "").unwrap().lines().count(), 1);
    assert!(setting.accepts("romeo@localhost", "correct horse"));
}

/// Characters that not every keyboard has are refused, without showing the password.
#[test]
fn prohibited_passwords() {
    let setting = Setting::new();
    let error = setting.piped("add juliet@localhost", "se\u{7}cret").unwrap_err();
    assert!(error.starts_with("the password can't be used: ") && !error.contains("cret"), "{error}");
}

/// RFC 6120 §13.9.4: the criteria are the same as for those who change their own passwords (XEP-0077), but that whoever
/// administers the server may know better.
#[test]
fn weak_passwords() {
    let setting = Setting::new();
    let long = "x".repeat(1025);
    for (name, password, expected) in [
        ("a", "1234567", Err("a password has at least 8 characters")),
        ("b", "12345678", Ok(())),
        ("c", "ünïcödé", Err("a password has at least 8 characters")),
        ("mercutio", "Mercutio", Err("the account's name is no password")),
        ("d", "D@localhost", Err("the account's name is no password")),
        ("e", long.as_str(), Err("a password has at most 1024 bytes")),
    ] {
        for command in ["add", "passwd"] {
            let said = setting.piped(&format!("{command} {name}@localhost"), password).map(|_| ());
            let refused = expected.map_err(|why| format!("{why} (--allow-weak takes it all the same)"));
            assert_eq!(said, refused, "{command} {password}");
            if expected.is_err() {
                // And for passwd an account that is there.
                assert_eq!(setting.status(&format!("{name}@localhost")).is_some(), command == "passwd");
                setting.piped(&format!("{command} --allow-weak {name}@localhost"), password).unwrap();
                assert!(setting.accepts(&format!("{name}@localhost"), password));
            }
        }
    }
}

#[test]
fn passwd_replaces() {
    let setting = Setting::new();
    setting.piped("add romeo@localhost", "correct horse").unwrap();
    let said = setting.piped("passwd romeo@localhost", "battery staple");
    assert_eq!(said, Ok("Changed the password of romeo@localhost.".to_owned()));
    assert!(setting.accepts("romeo@localhost", "battery staple"));
    assert!(!setting.accepts("romeo@localhost", "correct horse"));
}

#[test]
fn disable_and_enable() {
    let setting = Setting::new();
    setting.piped("add romeo@localhost", "correct horse").unwrap();
    for (arguments, said, status) in [
        ("disable romeo@localhost", "romeo@localhost is now disabled.", AccountStatus::Disabled),
        ("disable romeo@localhost", "romeo@localhost is now disabled.", AccountStatus::Disabled),
        ("enable romeo@localhost", "romeo@localhost is now active.", AccountStatus::Active),
    ] {
        assert_eq!(setting.piped(arguments, ""), Ok(said.to_owned()));
        assert_eq!(setting.status("romeo@localhost"), Some(status));
    }
}

/// Another password is what an expired account needs, and all it needs.
#[test]
fn expire_until_another_password() {
    let setting = Setting::new();
    setting.piped("add romeo@localhost", "correct horse").unwrap();
    let said = "romeo@localhost needs another password before it can log in: `jabiru user passwd romeo@localhost`.";
    for _ in 0..2 {
        assert_eq!(setting.piped("expire romeo@localhost", ""), Ok(said.to_owned()));
        assert_eq!(setting.status("romeo@localhost"), Some(AccountStatus::CredentialsExpired));
    }
    setting.piped("passwd romeo@localhost", "battery staple").unwrap();
    assert_eq!(setting.status("romeo@localhost"), Some(AccountStatus::Active));

    // It must not become active by the password that somebody gives it.
    setting.piped("disable romeo@localhost", "").unwrap();
    let refused = setting.piped("expire romeo@localhost", "").unwrap_err();
    assert_eq!(refused, "romeo@localhost is disabled, so nobody logs in with its password anyway");
    assert_eq!(setting.status("romeo@localhost"), Some(AccountStatus::Disabled));
}

#[test]
fn move_and_back() {
    let setting = Setting::new();
    for name in ["juliet", "romeo"] {
        setting.piped(&format!("add {name}@localhost"), "correct horse").unwrap();
    }
    let listed = |state: &str| {
        let list = setting.piped("list localhost", "").unwrap();
        assert_eq!(list.lines().next(), Some("juliet@localhost                        active"));
        assert_eq!(list.lines().nth(1), Some(&*format!("romeo@localhost                         {state}")));
    };
    let back = "(`jabiru user move romeo@localhost --back`)";
    for (arguments, said, state) in [
        (
            "move romeo@localhost Romeo@example.net",
            "romeo@localhost has moved to xmpp:romeo@example.net for good.",
            "moved to xmpp:romeo@example.net",
        ),
        (
            "move romeo@localhost xmpp:romeo@example.com --temporary",
            "romeo@localhost has moved to xmpp:romeo@example.com for a time.",
            "moved to xmpp:romeo@example.com for a time",
        ),
        (
            "disable romeo@localhost",
            &format!("romeo@localhost has moved; it will be disabled once it is back {back}."),
            "moved to xmpp:romeo@example.com for a time",
        ),
        ("move romeo@localhost --back", "romeo@localhost is back, and disabled.", "disabled"),
        ("enable romeo@localhost", "romeo@localhost is now active.", "active"),
    ] {
        assert_eq!(setting.piped(arguments, ""), Ok(said.to_owned()));
        listed(state);
    }
    setting.piped("move romeo@localhost juliet@localhost", "").unwrap();
    let refused = setting.piped("expire romeo@localhost", "").unwrap_err();
    assert_eq!(refused, "romeo@localhost has moved, so nobody logs in with its password anyway");
}

#[test]
fn remove_asks_at_a_terminal() {
    let setting = Setting::new();
    for (arguments, console, removed) in [
        ("remove romeo@localhost", Script::terminal(&["n"]), false),
        ("remove romeo@localhost", Script::terminal(&[""]), false),
        ("remove romeo@localhost", Script::terminal(&[]), false),
        ("remove romeo@localhost", Script::terminal(&["Y\n"]), true),
        ("remove romeo@localhost", Script::terminal(&["yes"]), true),
        ("remove romeo@localhost --yes", Script::terminal(&[]), true),
        ("remove -y romeo@localhost", Script::pipe(""), true),
        ("remove romeo@localhost", Script::pipe(""), true),
    ] {
        let mut console = console;
        if setting.status("romeo@localhost").is_none() {
            setting.piped("add romeo@localhost", "correct horse").unwrap();
        }
        let asked = console.terminal && !arguments.contains("--yes");
        assert_eq!(setting.run(arguments, &mut console).is_ok(), removed, "{arguments} {:?}", console.input);
        assert_eq!(setting.status("romeo@localhost").is_none(), removed);
        assert_eq!(console.prompts.len(), usize::from(asked));
    }
}

#[test]
fn list_shows_address_and_state() {
    let mut setting = Setting::new();
    let mut console = Script::pipe("");
    assert_eq!(setting.run("list", &mut console), Ok(String::new()));
    assert_eq!(console.notes, ["There are no accounts."]);
    setting.piped("add romeo@localhost", "correct horse").unwrap();
    setting.piped("add juliet@localhost", "correct horse").unwrap();
    setting.piped("disable romeo@localhost", "").unwrap();
    let both = "juliet@localhost                        active\nromeo@localhost                         disabled";
    assert_eq!(setting.piped("list", ""), Ok(both.to_owned()));
    assert_eq!(setting.piped("list LOCALHOST.", ""), Ok(both.to_owned()));

    setting.config.domains[0].name = "im.example".parse().unwrap();
    let all = setting.piped("list", "").unwrap();
    assert!(all.lines().all(|line| line.ends_with(" (domain not hosted)")), "{all}");
    assert_eq!(setting.piped("list localhost", "").unwrap().lines().count(), 2);
    let mut console = Script::pipe("");
    setting.run("list im.example", &mut console).unwrap();
    assert_eq!(console.notes, ["im.example has no accounts."]);
}

/// More than one page, and a reader that goes away.
#[test]
fn long_lists() {
    let setting = Setting::new();
    let credentials = password::derive("correct horse").unwrap();
    for index in 0..MAX_PAGE + 1 {
        let address = format!("u{index}@localhost").parse().unwrap();
        block_on(setting.accounts.create(&address, credentials.clone())).unwrap();
    }
    assert_eq!(setting.piped("list", "").unwrap().lines().count(), MAX_PAGE + 1);
    let mut console = Script { broken_pipe: true, ..Script::default() };
    assert_eq!(setting.run("list", &mut console), Ok(String::new()));
}
