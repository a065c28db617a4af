//! Where the server's binary is, for tests that cargo does not tell it to.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

/// The server's binary, built from the sources as they are, in the profile of the running test.
///
/// Cargo sets `CARGO_BIN_EXE_jabiru` for the tests of its own package alone. Elsewhere the binary that lies
/// beside the test is taken if no source is newer, which is so after `cargo test --workspace`; otherwise it
/// is built, once a process. `JABIRU_TEST_PROGRAM` names another binary to test.
#[must_use]
pub fn program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Ok(program) = std::env::var("JABIRU_TEST_PROGRAM") {
            return program;
        }
        let test = std::env::current_exe().expect("the test knows where it is");
        // …/target/debug/deps/attacks-0123456789abcdef
        let profile = test.parent().and_then(Path::parent).expect("tests lie in the folder deps of their profile");
        let beside = profile.join("jabiru").with_extension(std::env::consts::EXE_EXTENSION);
        let program = if is_fresh(&beside) { beside } else { build(profile) };
        program.into_os_string().into_string().expect("a path in UTF-8")
    })
}

/// Is there a binary, and are all the sources that cargo noted beside it older?
fn is_fresh(program: &Path) -> bool {
    let changed = |path: &Path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let (Some(built), Ok(note)) = (changed(program), std::fs::read_to_string(program.with_extension("d"))) else {
        return false;
    };
    // One line as in a makefile: the binary, a colon, the sources; spaces within paths have a backslash.
    let Some((_, sources)) = note.split_once(": ") else { return false };
    sources
        .trim()
        .replace("\\ ", "\0")
        .split(' ')
        .map(|source| changed(Path::new(&source.replace('\0', " "))))
        .all(|source: Option<SystemTime>| source.is_some_and(|source| source <= built))
}

fn build(profile: &Path) -> PathBuf {
    let name = profile.file_name().and_then(|name| name.to_str()).expect("the folder has the profile's name");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(cargo)
        .args(["build", "--package", "jabiru-server", "--bin", "jabiru", "--message-format", "json"])
        .args(["--profile", if name == "debug" { "dev" } else { name }])
        .arg("--target-dir")
        .arg(profile.parent().expect("the profile has a folder within the target directory"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("cargo can be run");
    let messages = BufReader::new(cargo.stdout.take().expect("it is piped"));
    let program = messages
        .lines()
        .map(|line| line.expect("cargo speaks UTF-8"))
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(&line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .last();
    assert!(cargo.wait().expect("cargo ends").success(), "the server does not compile");
    program.expect("cargo says where the binary is")
}
