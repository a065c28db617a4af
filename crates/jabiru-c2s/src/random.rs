//! Text that nobody can guess.

/// So many random letters and digits, of 5 bits each.
///
/// # Errors
/// If the system has no random numbers.
pub(crate) fn letters(count: usize) -> Result<String, getrandom::Error> {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut random = vec![0; count];
    getrandom::fill(&mut random)?;
    Ok(random.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect())
}
