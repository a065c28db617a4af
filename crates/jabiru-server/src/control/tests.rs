//! The channel by itself: who may use it, what it refuses, and its bounds.

use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use jabiru_s2s::report::{Conclusion, Step};

use super::socket::may_command;
use super::*;

/// Answers each request by what it was.
struct Echo;

impl Operator for Echo {
    fn answer(&self, request: Request, progress: Progress) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
        Box::pin(async move {
            match request {
                Request::Kick { reason: None, .. } => Answer::Kicked { streams: 1 },
                Request::Kick { reason: Some(_), .. } => panic!("on purpose"),
                Request::Drain { to } => Answer::Draining { streams: to.map_or(0, |to| to.len()) },
                Request::S2sTest { domain, from: _ } => tested(&domain, &progress).await,
                Request::Reload | Request::Status | Request::S2sList | Request::S2sClose { .. } => {
                    Answer::Refused("not here".to_owned())
                }
            }
        })
    }
}

/// Tells as many steps as the domain has letters, more than may wait to be read.
async fn tested(domain: &str, progress: &Progress) -> Answer {
    for letter in 0..domain.len() {
        let step = Step::Proven { proofs: Vec::new() };
        let at = Duration::from_millis(letter as u64);
        progress.send(Answer::S2sFinding(Finding::good(at, Duration::ZERO, step))).await.unwrap();
    }
    let conclusion = Conclusion { reached: true, failure: None };
    let (domain, from) = (domain.to_owned(), "im.example".to_owned());
    Answer::S2sDiagnosis(Diagnosis { domain, from, findings: Vec::new(), conclusion })
}

fn serve(directory: &Path) -> tokio::task::JoinHandle<()> {
    let socket = ControlSocket::bind(directory).unwrap();
    tokio::spawn(socket.serve(Arc::new(Echo)))
}

/// Sends octets as they are, and gives all that comes back.
async fn send(directory: &Path, octets: Vec<u8>) -> String {
    let directory = directory.to_owned();
    let conversation = tokio::task::spawn_blocking(move || {
        let mut stream = UnixStream::connect(directory.join(SOCKET)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // It may be refused before it is read.
        let _ = stream.write_all(&octets);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = String::new();
        // What was not read of a request makes the system reset the connection behind the answer.
        let _ = stream.read_to_string(&mut answer);
        answer
    });
    conversation.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_one_answer() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path());
    for (request, expected) in [
        (r#"{"command":"kick","address":"a@b"}"#, r#"{"kicked":{"streams":1}}"#),
        (r#"{"command":"drain","to":"four"}"#, r#"{"draining":{"streams":4}}"#),
        (r#"{"command":"drain"}"#, r#"{"draining":{"streams":0}}"#),
        (r#"{"command":"reload"}"#, r#"{"refused":"not here"}"#),
        // Only the first line counts.
        ("{\"command\":\"drain\"}\n{\"command\":\"kick\"}", r#"{"draining":{"streams":0}}"#),
    ] {
        let answer = send(folder.path(), format!("{request}\n").into_bytes()).await;
        assert_eq!(answer, format!("{expected}\n"), "{request}");
    }
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path());
    let longest = |length: usize| {
        let frame = "{\"command\":\"drain\",\"to\":\"\"}\n".len();
        format!("{{\"command\":\"drain\",\"to\":\"{}\"}}\n", "x".repeat(length - frame)).into_bytes()
    };
    for (request, expected) in [
        (b"".to_vec(), "one line of at most"),
        (b"{\"command\":\"reload\"}".to_vec(), "one line of at most"),
        (b"\n".to_vec(), "can't be understood"),
        (b"status\n".to_vec(), "can't be understood"),
        (b"{\"command\":\"stop\"}\n".to_vec(), "unknown variant `stop`"),
        (b"{\"command\":\"drain\",\"form\":\"x\"}\n".to_vec(), "unknown field `form`"),
        (b"\xff\xfe\n".to_vec(), "can't be understood"),
        (longest(MAX_REQUEST_BYTES + 1), "one line of at most 8192 bytes"),
        (vec![b'x'; 10_000_000], "one line of at most 8192 bytes"),
        (longest(MAX_REQUEST_BYTES), "draining"),
    ] {
        let shown = String::from_utf8_lossy(&request[..request.len().min(40)]).into_owned();
        let answer = send(folder.path(), request).await;
        assert!(answer.contains(expected), "{shown}: {answer}");
        assert_eq!(answer.contains("refused"), expected != "draining", "{shown}: {answer}");
    }
    server.abort();
}

/// Those who say nothing hold up nobody for ever, and a command that panics ends alone.
#[tokio::test(flavor = "multi_thread")]
async fn silence_and_panics() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path());
    let silent: Vec<_> =
        (0..MAX_CONNECTIONS + 2).map(|_| UnixStream::connect(folder.path().join(SOCKET)).unwrap()).collect();
    let panicking = b"{\"command\":\"kick\",\"address\":\"a@b\",\"reason\":\"\"}\n".to_vec();
    assert_eq!(send(folder.path(), panicking).await, "");
    let answer = send(folder.path(), b"{\"command\":\"drain\"}\n".to_vec()).await;
    assert!(answer.contains("draining"), "{answer}");
    for mut stream in silent {
        let mut answer = String::new();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("did not arrive in time"), "{answer}");
    }
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_is_its_owners() {
    let folder = tempfile::tempdir().unwrap();
    // What a server leaves that was killed, at two moments.
    drop(std::os::unix::net::UnixListener::bind(folder.path().join(SOCKET)).unwrap());
    std::fs::create_dir(folder.path().join("control.new")).unwrap();
    drop(std::os::unix::net::UnixListener::bind(folder.path().join("control.new").join(SOCKET)).unwrap());
    let server = serve(folder.path());
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [SOCKET]);
    let metadata = std::fs::metadata(folder.path().join(SOCKET)).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    server.abort();
    server.await.unwrap_err();
    assert!(!folder.path().join(SOCKET).exists(), "removed with the server");

    let own = rustix::process::geteuid().as_raw();
    for (user, may) in [(0, true), (own, true), (own + 1, false), (65_534, own == 65_534)] {
        assert_eq!(may_command(user), may, "{user}");
    }
}

/// Every step is told, in order, before the answer.
#[tokio::test(flavor = "multi_thread")]
async fn steps_before_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(folder.path());
    let (asked, domain) = (folder.path().to_owned(), "x".repeat(PROGRESS * 3));
    let request = Request::S2sTest { domain: domain.clone(), from: None };
    let (answer, steps) = tokio::task::spawn_blocking(move || {
        let mut steps = Vec::new();
        let answer = follow(&asked, &request, |step| {
            steps.push(step);
            Ok(())
        });
        (answer.unwrap(), steps)
    })
    .await
    .unwrap();
    assert!(matches!(answer, Answer::S2sDiagnosis(diagnosis) if diagnosis.domain == domain));
    let times = steps.into_iter().map(|step| match step {
        Answer::S2sFinding(finding) => finding.at.as_millis() as usize,
        other => panic!("{other:?}"),
    });
    assert_eq!(times.collect::<Vec<_>>(), (0..PROGRESS * 3).collect::<Vec<_>>());
    server.abort();
}

/// A data directory may have a longer path than the address of a socket can hold.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn long_paths() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("x".repeat(200));
    std::fs::create_dir(&long).unwrap();
    let server = serve(&long);
    let asked = long.clone();
    let answer = tokio::task::spawn_blocking(move || ask(&asked, &Request::Drain { to: None })).await.unwrap();
    assert_eq!(answer.unwrap(), Answer::Draining { streams: 0 });
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_server_is_said_clearly() {
    let folder = tempfile::tempdir().unwrap();
    let said = |folder: &Path| ask(folder, &Request::Status).unwrap_err().to_string();
    let expected = format!("no server runs on the data directory {}; start it", folder.path().display());
    assert!(said(folder.path()).starts_with(&expected), "{}", said(folder.path()));
    drop(std::os::unix::net::UnixListener::bind(folder.path().join(SOCKET)).unwrap());
    assert!(said(folder.path()).starts_with(&expected), "{}", said(folder.path()));
    assert!(said(&folder.path().join("nowhere")).contains("no server runs"));
}
