//! What only the source tells (incident 22).

use std::path::Path;

/// Words for what must not be compared byte by byte until the first that differs.
const SECRETS: [&str; 9] =
    ["proof", "password", "stored_key", "server_key", "client_key", "salted", "signature", "secret", "fake_salt_key"];

/// Incident 22: secrets are compared in constant time. In the sources outside of tests no `==` or `!=` stands with a
/// name of a secret beside it, unless it is the length or a kind that is compared, and no type that holds keys can be
/// compared at all.
#[test]
fn secrets_are_compared_in_constant_time() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates");
    let mut folders = vec![crates.clone()];
    let (mut files, mut compared, mut wrong) = (0, 0, Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the sources are there") {
            let path = entry.expect("they can be read").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            if path.is_dir() && !["tests", "benches", "examples", "battery"].contains(&name.as_str()) {
                folders.push(path);
            } else if name.ends_with(".rs") && name != "tests.rs" {
                let text = std::fs::read_to_string(&path).expect("it can be read");
                let source = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
                files += 1;
                compared += source.matches(".ct_eq(").count();
                for (place, line) in source.lines().enumerate().filter(|(_, line)| compares_a_secret(line)) {
                    wrong.push(format!("{}:{}: {}", path.display(), place + 1, line.trim()));
                }
                wrong.extend(comparable_keys(source).map(|name| format!("{}: {name} has ==", path.display())));
            }
        }
    }
    assert!(files > 50, "only {files} files were found");
    assert!(compared >= 3, "the proof of SCRAM, the password of PLAIN and dialback keys are compared somewhere");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Does an operand of `==` or `!=` have a secret's name?
fn compares_a_secret(line: &str) -> bool {
    // What proves a server is a kind of proof, which is no secret.
    let code = line.split("//").next().unwrap_or_default().replace("proof == Some(Proof::", "");
    let operand = |text: &str| text.split([' ', '(', ')', '{', '}', ',', ';', '&', '|', '*', '!']).any(is_secret);
    ["==", "!="].iter().any(|operator| {
        code.split(operator).collect::<Vec<_>>().windows(2).any(|sides| {
            let before = sides[0].trim_end().rsplit([' ', '(']).next().unwrap_or_default();
            let after = sides[1].trim_start().split([' ', ')', ';', '{']).next().unwrap_or_default();
            operand(before) || operand(after)
        })
    })
}

fn is_secret(name: &str) -> bool {
    let last =
        name.trim_end_matches(".as_slice").trim_end_matches(".as_ref").rsplit(['.', ':']).next().unwrap_or_default();
    SECRETS.contains(&last)
}

/// Types with a key or a password in their fields that derive `PartialEq`.
fn comparable_keys(source: &str) -> impl Iterator<Item = String> + '_ {
    source.split("#[derive(").skip(1).filter_map(|rest| {
        let (derived, rest) = rest.split_once(")]")?;
        let (head, body) = rest.split_once('{')?;
        let fields = body.split_once('}')?.0;
        let is_type = head.contains("struct ") || head.contains("enum ");
        let secret = fields.lines().any(|line| {
            let field = line.trim().trim_start_matches("pub(crate) ").trim_start_matches("pub ").split_once(':');
            field.is_some_and(|(field, kind)| {
                (SECRETS.contains(&field) || field == "keys") && kind.trim() != "Option<Proof>,"
            })
        });
        (is_type && secret && derived.contains("PartialEq")).then(|| head.trim().to_owned())
    })
}

/// The lint finds what it is there for, and nothing else.
#[test]
fn the_lint_finds_what_it_should() {
    for (line, expected) in [
        ("if last.proof == expected {", true),
        ("if expected != proof.as_slice() {", true),
        ("self.stored_key == keys.stored_key", true),
        ("return password == \"x\";", true),
        ("if last.proof.len() != self.hash.output_len() {", false),
        ("if name == \"password\" {", false),
        ("let proof = a == b;", false),
        ("if judgement.proof == Some(Proof::Dane) {", false),
        ("if judgement.proof == Some(shown) {", true),
        ("// password == password", false),
        ("bool::from(proof.ct_eq(&expected))", false),
    ] {
        assert_eq!(compares_a_secret(line), expected, "{line}");
    }
    let source = "#[derive(Clone, PartialEq)]\npub struct Keys {\n    pub(crate) stored_key: Vec<u8>,\n}\n\
                  #[derive(Clone)]\nstruct Other {\n    stored_key: Vec<u8>,\n}\n#[derive(PartialEq)]\nstruct A { a: u8 }";
    assert_eq!(comparable_keys(source).collect::<Vec<_>>(), ["pub struct Keys"]);
}
