//! The server's binary, in a folder of its own, on ports that the system chooses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;

use crate::PATIENCE;

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Server {
    program: PathBuf,
    folder: TempDir,
    child: Option<Child>,
    starttls: SocketAddr,
    direct_tls: SocketAddr,
    /// `None`: it has no server streams.
    s2s_starttls: Option<SocketAddr>,
    s2s_direct_tls: Option<SocketAddr>,
}

/// What became of a command.
#[derive(Debug)]
pub struct Run {
    /// Exit status 0?
    pub success: bool,
    /// Its standard output.
    pub output: String,
    /// Its standard error.
    pub errors: String,
}

/// What a server keeps: accounts, certificates, secrets. Begun with it, another server needs not make them.
#[derive(Clone, Debug, Default)]
pub struct Data(Vec<(PathBuf, Vec<u8>)>);

impl Server {
    /// Starts `program` for the domain `localhost`, with these lines of configuration besides.
    #[must_use]
    pub fn start(program: &str, configuration: &str) -> Server {
        Server::start_with(program, configuration, &Data::default())
    }

    /// As [`start`](Self::start), with data that another server has left.
    #[must_use]
    pub fn start_with(program: &str, configuration: &str, data: &Data) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        configure(folder.path(), configuration);
        data.write(&folder.path().join(DATA));
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Server {
            program: program.into(),
            folder,
            child: None,
            starttls: nowhere,
            direct_tls: nowhere,
            s2s_starttls: None,
            s2s_direct_tls: None,
        };
        server.restart();
        server
    }

    /// Starts the server again after it was stopped.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "the server runs already");
        let mut child = self
            .command(&[])
            .stdout(Stdio::piped())
            .stderr(Stdio::from(self.log_file()))
            .spawn()
            .expect("the server's binary can be run");
        let stdout = child.stdout.take().expect("it is piped");
        self.child = Some(child);
        // A thread reads, so that a server that says nothing can't hold the test up.
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = lines.recv_timeout(left) else {
                panic!("the server did not start:\n{}", self.log());
            };
            let after = |what| {
                let address: Option<&str> = line.trim().strip_prefix(what);
                address.map(|address| address.trim().parse().expect("one address"))
            };
            if let Some(address) = after("STARTTLS") {
                self.starttls = address;
            } else if let Some(address) = after("direct TLS") {
                self.direct_tls = address;
            } else if let Some(address) = after("s2s STARTTLS") {
                self.s2s_starttls = Some(address);
            } else if let Some(address) = after("s2s direct") {
                self.s2s_direct_tls = Some(address);
            } else if line.contains("user add") {
                return;
            }
        }
    }

    /// Writes another configuration, as [`start`](Self::start) does; the server does not know of it yet.
    pub fn configure(&self, configuration: &str) {
        configure(self.folder.path(), configuration);
    }

    /// Where it awaits STARTTLS.
    #[must_use]
    pub fn starttls(&self) -> SocketAddr {
        self.starttls
    }

    /// Where it awaits direct TLS.
    #[must_use]
    pub fn direct_tls(&self) -> SocketAddr {
        self.direct_tls
    }

    /// Where it awaits STARTTLS of other servers.
    ///
    /// # Panics
    /// If its configuration has no section for them.
    #[must_use]
    pub fn s2s_starttls(&self) -> SocketAddr {
        self.s2s_starttls.expect("it has server streams")
    }

    /// Where it awaits direct TLS of other servers.
    ///
    /// # Panics
    /// If its configuration has no section for them.
    #[must_use]
    pub fn s2s_direct_tls(&self) -> SocketAddr {
        self.s2s_direct_tls.expect("it has server streams")
    }

    /// The folder with its configuration and data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it and takes what it has kept.
    #[must_use]
    pub fn into_data(mut self) -> Data {
        self.terminate();
        Data::read(&self.folder.path().join(DATA))
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The certificate that it made for itself.
    #[must_use]
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.certificate_of("localhost")
    }

    /// The certificate that it made for one of its domains.
    #[must_use]
    pub fn certificate_of(&self, domain: &str) -> CertificateDer<'static> {
        let path = self.folder.path().join(DATA).join(format!("certificates/{domain}.crt"));
        CertificateDer::from_pem_file(path).expect("the server has made a certificate")
    }

    /// Runs the same program with other arguments in the same folder, `input` on standard input.
    #[must_use]
    pub fn run(&self, arguments: &[&str], input: &str) -> Run {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be run");
        let mut stdin = child.stdin.take().expect("it is piped");
        // It may refuse its arguments and end without reading.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let deadline = Instant::now() + PATIENCE;
        while child.try_wait().expect("the child can be waited for").is_none() {
            if Instant::now() >= deadline {
                let _ = child.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let output = child.wait_with_output().expect("it ends");
        Run {
            success: output.status.success(),
            output: String::from_utf8_lossy(&output.stdout).into_owned(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Creates an account by the command line.
    pub fn add_user(&self, address: &str, password: &str) {
        let run = self.run(&["user", "add", "--allow-weak", address], &format!("{password}\n"));
        assert!(run.success, "{run:?}");
    }

    /// Sends SIGTERM and waits for the end; returns the exit code and how long it took.
    pub fn terminate(&mut self) -> (Option<i32>, Duration) {
        let start = Instant::now();
        self.signal("TERM");
        let mut child = self.child.take().expect("the server runs");
        while start.elapsed() < PATIENCE {
            if let Some(status) = child.try_wait().expect("the child can be waited for") {
                return (status.code(), start.elapsed());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = child.kill();
        let _ = child.wait();
        panic!("the server did not end:\n{}", self.log());
    }

    /// Sends a signal, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let process = self.process().to_string();
        let signalled = Command::new("kill").args([&format!("-{name}"), &process]).status().expect("kill runs");
        assert!(signalled.success());
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.folder.path()).env_remove("RUST_LOG").env_remove("JABIRU_CONFIG");
        command.stdin(Stdio::null());
        command
    }

    fn log_file(&self) -> std::fs::File {
        let path = self.folder.path().join("log");
        std::fs::File::options().create(true).append(true).open(path).expect("the log can be written")
    }
}

/// Writes a configuration file that leaves the ports to the system. Server streams there are only where a test is about
/// them, and has the section for them.
fn configure(folder: &Path, configuration: &str) {
    let ports = "starttls = [\"127.0.0.1:0\"]\ndirect_tls = [\"127.0.0.1:0\"]\n";
    // Keys without a table come first in TOML, the tables of the test after ours.
    let own = if configuration.contains("[c2s]\n") {
        configuration.replace("[c2s]\n", &format!("[c2s]\n{ports}"))
    } else {
        format!("[c2s]\n{ports}{configuration}")
    };
    let own = if own.contains("[s2s]\n") {
        own.replace("[s2s]\n", &format!("[s2s]\n{ports}"))
    } else {
        format!("{own}\n[s2s]\nenabled = false\n")
    };
    std::fs::write(folder.join("jabiru.toml"), own).expect("the configuration is written");
}

/// The data directory, below the server's folder.
const DATA: &str = "jabiru-data";

impl Data {
    fn read(folder: &Path) -> Data {
        let mut data = Data::default();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).expect("the folder is there") {
                let path = entry.expect("the folder can be read").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(folder).expect("it is below").to_owned();
                    data.0.push((name, std::fs::read(&path).expect("the file can be read")));
                }
            }
        }
        data
    }

    fn write(&self, folder: &Path) {
        for (name, content) in &self.0 {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().expect("it is below")).expect("the folder is made");
            std::fs::write(path, content).expect("the file is written");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let mut log = String::new();
            let file = std::fs::File::open(self.folder.path().join("log"));
            let _ = file.and_then(|mut file| file.read_to_string(&mut log));
            eprintln!("the server's log:\n{log}");
        }
    }
}

/// Makes a database look as if a later version of the server had written it.
///
/// # Panics
/// If it is no database of ours.
pub fn pretend_newer_schema(database: &Path) {
    use diesel::{Connection, RunQueryDsl, SqliteConnection};

    let path = database.to_str().expect("a path in UTF-8");
    let mut connection = SqliteConnection::establish(path).expect("the database opens");
    let later = diesel::sql_query("INSERT INTO __diesel_schema_migrations (version) VALUES ('99999')");
    later.execute(&mut connection).expect("the table of migrations is there");
}
