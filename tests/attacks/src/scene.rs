//! Where an attack takes place: a server, an attacker, a victim, and bystanders.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use jabiru_test_support::{Client, Data, PATIENCE, Server, program};

use crate::wire::{HEADER, Wire};

/// The attacker's account; its password is [`PASSWORD`] too.
pub const MALLORY: &str = "mallory";
/// Everybody's password.
pub const PASSWORD: &str = "pencil-7";

/// A server of its own, with a victim (`juliet@localhost/balcony`) and two bystanders.
///
/// Configure it with small limits where a case is about them: the scene costs as little as it can.
#[derive(Debug)]
pub struct Scene {
    /// The server.
    pub server: Server,
    /// To whom nothing may come that the attacker was not allowed to send.
    pub juliet: Client,
    nurse: Client,
    peter: Client,
    rounds: usize,
}

/// How far an attacker's stream has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Connected in clear, nothing said.
    Connected,
    /// Stream open in clear: STARTTLS is due.
    Clear,
    /// Stream open under TLS: authentication is due.
    Protected,
    /// Authenticated as [`MALLORY`], stream open: binding is due.
    Authenticated,
    /// Resource bound.
    Bound,
}

impl Stage {
    /// All of them.
    pub const ALL: [Stage; 5] = [Stage::Connected, Stage::Clear, Stage::Protected, Stage::Authenticated, Stage::Bound];
}

impl Scene {
    /// Starts the server with this configuration (as [`Server::start`] takes it) and everybody but the attacker.
    #[must_use]
    pub fn new(configuration: &str) -> Scene {
        Scene::with_program(program(), configuration)
    }

    /// The same with another program that is the server in the end.
    #[must_use]
    pub fn with_program(program: &str, configuration: &str) -> Scene {
        let server = Server::start_with(program, configuration, accounts());
        let [juliet, nurse, peter] = [("juliet", "balcony"), ("nurse", "house"), ("peter", "street")]
            .map(|(user, resource)| Client::online(&server, user, PASSWORD, resource));
        let mut scene = Scene { server, juliet, nurse, peter, rounds: 0 };
        scene.nobody_noticed();
        scene
    }

    /// An attacker at this stage.
    #[must_use]
    pub fn attacker(&self, stage: Stage) -> Wire {
        match stage {
            Stage::Connected => Wire::connect(self.server.starttls()),
            Stage::Clear => {
                let mut wire = Wire::connect(self.server.starttls());
                wire.open(HEADER);
                wire
            }
            Stage::Protected => {
                let mut wire = Wire::direct_tls(&self.server);
                wire.open(HEADER);
                wire
            }
            Stage::Authenticated => {
                let mut wire = Wire::direct_tls(&self.server);
                wire.authenticated(MALLORY, PASSWORD);
                wire.open(HEADER);
                wire
            }
            Stage::Bound => Wire::bound(&self.server, MALLORY, PASSWORD, "cell"),
        }
    }

    /// Shows that the streams of the others work, and that nothing has come to any of them in the meantime: what
    /// must come is the next thing that comes.
    ///
    /// Whatever was sent before has to be processed already: its sender's stream has ended or was answered.
    ///
    /// # Panics
    /// If they do not work, or something has come.
    pub fn nobody_noticed(&mut self) {
        self.rounds += 1;
        let text = format!("round {}", self.rounds);
        for to in [&mut self.nurse, &mut self.juliet] {
            self.peter.send(&format!("<message to='{}' type='chat'><body>{text}</body></message>", to.jid));
            let message = to.receive();
            assert_eq!(message.name(), "message", "nothing else may come: {message:?}");
            assert_eq!(message.attribute("from").as_deref(), Some(self.peter.jid.as_str()), "{message:?}");
            let body = message.child("body", "jabber:client").map(|body| body.text().into_owned());
            assert_eq!(body.as_ref(), Some(&text), "{message:?}");
            to.ping();
        }
        self.peter.ping();
    }

    /// Waits until the server has no more files and sockets open than this.
    ///
    /// # Panics
    /// If that does not come about.
    pub fn server_has_at_most(&self, files: Option<usize>) {
        let deadline = Instant::now() + PATIENCE;
        while self.server.open_files() > files {
            assert!(Instant::now() < deadline, "{:?} files are open, {files:?} before", self.server.open_files());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends the scene: nobody has noticed anything, and no part of the server has failed.
    ///
    /// # Panics
    /// If that is not so.
    pub fn end(mut self) {
        self.nobody_noticed();
        let log = self.server.log();
        assert!(!log.contains("panicked"), "{log}");
    }
}

/// The accounts, made once a process: it takes a second.
fn accounts() -> &'static Data {
    static ACCOUNTS: OnceLock<Data> = OnceLock::new();
    ACCOUNTS.get_or_init(|| {
        let server = Server::start(program(), "");
        for user in [MALLORY, "juliet", "nurse", "peter"] {
            server.add_user(&format!("{user}@localhost"), PASSWORD);
        }
        server.into_data()
    })
}
