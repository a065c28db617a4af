//! Where a command asks and answers: the terminal, or what stands in for it in tests.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use zeroize::Zeroizing;

/// Someone to ask, or a pipe.
pub(super) trait Console {
    /// Whether somebody sits at standard input.
    fn is_terminal(&self) -> bool;

    /// Asks for a secret without showing what is typed. Only at a terminal.
    fn ask_secret(&mut self, prompt: &str) -> io::Result<Zeroizing<String>>;

    /// Asks for a line. Only at a terminal.
    fn ask(&mut self, prompt: &str) -> io::Result<String>;

    /// Reads one line from standard input, without its end. [`io::ErrorKind::UnexpectedEof`] if there is none.
    fn read_secret(&mut self) -> io::Result<Zeroizing<String>>;

    /// Writes a line of output.
    fn print(&mut self, line: &str) -> io::Result<()>;

    /// Writes a line that is no output, for whoever watches.
    fn note(&mut self, line: &str);
}

/// Standard input, output and error.
pub(super) struct Standard;

impl Console for Standard {
    fn is_terminal(&self) -> bool {
        io::stdin().is_terminal()
    }

    fn ask_secret(&mut self, prompt: &str) -> io::Result<Zeroizing<String>> {
        rpassword::prompt_password(prompt).map(Zeroizing::new)
    }

    fn ask(&mut self, prompt: &str) -> io::Result<String> {
        // To standard error: the answer is not part of the output.
        eprint!("{prompt}");
        io::stderr().flush()?;
        let mut line = String::new();
        io::stdin().lock().take(MAX_LINE_BYTES).read_line(&mut line)?;
        Ok(line)
    }

    fn read_secret(&mut self) -> io::Result<Zeroizing<String>> {
        read_line(&mut io::stdin().lock())
    }

    fn print(&mut self, line: &str) -> io::Result<()> {
        writeln!(io::stdout(), "{line}")
    }

    fn note(&mut self, line: &str) {
        eprintln!("{line}");
    }
}

/// Longer than any password: whatever it is, it is none.
const MAX_LINE_BYTES: u64 = 4096;

/// Reads one line without its end (LF or CR LF), whose last line may lack one.
fn read_line(input: &mut impl BufRead) -> io::Result<Zeroizing<String>> {
    // As large as it may get, so that no copy is left behind where it grew.
    let mut line = Zeroizing::new(String::with_capacity(MAX_LINE_BYTES as usize + 1));
    let read = input.take(MAX_LINE_BYTES + 1).read_line(&mut line)?;
    if read == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "standard input has no line"));
    }
    if read as u64 > MAX_LINE_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the line is too long"));
    }
    let end = line.strip_suffix('\n').map_or(line.len(), |rest| rest.strip_suffix('\r').unwrap_or(rest).len());
    line.truncate(end);
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_without_its_end() {
        for (input, expected) in [
            ("secret\n", Some("secret")),
            ("secret\r\n", Some("secret")),
            ("secret", Some("secret")),
            ("se cret \nmore\n", Some("se cret ")),
            ("secret\r", Some("secret\r")),
            ("\n", Some("")),
            ("", None),
            (&"x".repeat(4096), Some(&*"x".repeat(4096))),
            (&"x".repeat(4097), None),
        ] {
            let line = read_line(&mut input.as_bytes()).ok();
            assert_eq!(line.as_ref().map(|line| line.as_str()), expected, "{input:?}");
        }
    }
}
