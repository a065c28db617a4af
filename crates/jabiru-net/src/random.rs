//! Text that nobody can guess.

/// So many random letters and digits, of 5 bits each: for ids that must not be guessed (RFC 6120 §4.7.3, §7.6.1).
///
/// # Errors
/// If the system has no random numbers.
pub fn random_letters(count: usize) -> Result<String, getrandom::Error> {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut random = vec![0; count];
    getrandom::fill(&mut random)?;
    Ok(random.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect())
}
