//! Rust source with everything blanked that is not code.
//!
//! Enough of a lexer to tell code from comments and literals, so that a word in a comment or a
//! string is never taken for an import. Line numbers stay what they were.

/// Replaces comments, string and character literals by spaces. Newlines stay.
pub(crate) fn code_only(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => find(&chars, at, |rest| rest[0] == '\n'),
            '/' if chars.get(at + 1) == Some(&'*') => block_comment(&chars, at),
            '"' => string(&chars, at + 1),
            'r' | 'b' | 'c' if !in_word(&chars, at) => prefixed_literal(&chars, at),
            '\'' => character(&chars, at),
            _ => at,
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

fn in_word(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_')
}

fn find(chars: &[char], from: usize, is_end: impl Fn(&[char]) -> bool) -> usize {
    (from..chars.len()).find(|&i| is_end(&chars[i..])).unwrap_or(chars.len())
}

fn block_comment(chars: &[char], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

/// The end of a string whose opening quote stands before `at`.
fn string(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// `r"…"`, `r#"…"#`, `b"…"`, `br#"…"#`, `c"…"`, `b'…'`; the position itself if it is none of them.
fn prefixed_literal(chars: &[char], start: usize) -> usize {
    let mut at = start;
    while at < chars.len() && at < start + 2 && matches!(chars[at], 'r' | 'b' | 'c') {
        at += 1;
    }
    let raw = chars[start..at].contains(&'r');
    let hashes = chars[at..].iter().take_while(|&&c| c == '#').count();
    match chars.get(at + hashes) {
        Some('"') if raw => {
            let close: String = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            let close: Vec<char> = close.chars().collect();
            let body = at + hashes + 1;
            (find(chars, body, |rest| rest.starts_with(&close)) + close.len()).min(chars.len())
        }
        Some('"') if hashes == 0 => string(chars, at + 1),
        Some('\'') if hashes == 0 && chars[start] == 'b' => character(chars, at),
        _ => start,
    }
}

/// The end of a character literal; the position itself for a lifetime.
fn character(chars: &[char], start: usize) -> usize {
    match (chars.get(start + 1), chars.get(start + 2)) {
        (Some('\\'), Some(_)) => (find(chars, start + 3, |rest| rest[0] == '\'') + 1).min(chars.len()),
        (Some(_), Some('\'')) => start + 3,
        _ => start,
    }
}

/// For each line of `code` (from [`code_only`]): does it belong to an item under `#[cfg(test)]`?
pub(crate) fn test_lines(code: &str) -> Vec<bool> {
    let mut lines = vec![false; code.lines().count()];
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(test)]") {
        let start = from + found;
        let end = item_end(code, start);
        let first = code[..start].matches('\n').count();
        let last = code[..end].matches('\n').count();
        for line in lines.iter_mut().take(last + 1).skip(first) {
            *line = true;
        }
        from = end.max(start + 1);
    }
    lines
}

/// Where the item that begins at `start` ends: its closing brace, or a semicolon before any brace.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b';' if depth == 0 => return offset,
            b'{' => depth += 1,
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return offset;
                }
            }
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_is_left() {
        for (source, expected) in [
            ("a // tokio\nb", "a         \nb"),
            ("a /* x /* y */ z */ b", "a                   b"),
            (r#"let s = "to\"kio"; b"#, "let s =          ; b"),
            ("r#\"a\"b\"# c", "         c"),
            ("br\"x\" c", "      c"),
            ("b'x' c", "     c"),
            ("'a' 'b", "    'b"),
            (r"'\'' x", "     x"),
            ("&'static str", "&'static str"),
            ("bar(\"x\")", "bar(   )"),
            ("\"a\nb\" c", "  \n   c"),
        ] {
            assert_eq!(code_only(source), expected, "{source}");
        }
    }

    #[test]
    fn test_modules_are_told_from_code() {
        let code = "a\n#[cfg(test)]\nmod tests {\n fn x() { y }\n}\nb\n#[cfg(test)]\nuse c;\nd\n";
        assert_eq!(test_lines(code), [false, true, true, true, true, false, true, true, false]);
    }
}
