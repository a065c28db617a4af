//! Buffers that belong to the worker threads, so that an idle connection holds none.

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;

/// Bytes one read may bring: a whole TLS record.
pub(crate) const READ_BYTES: usize = 16 * 1024;
/// Buffers of each kind that one thread keeps for the next connection.
const KEPT: usize = 16;
/// A buffer for writing that grew past this is given back to the allocator.
const KEPT_WRITING_BYTES: usize = 64 * 1024;

thread_local! {
    static READING: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
    static WRITING: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer lent for one read and what follows from it.
pub(crate) struct ReadBuffer(Option<Box<[u8]>>);

impl ReadBuffer {
    pub(crate) fn take() -> ReadBuffer {
        let kept = READING.with_borrow_mut(Vec::pop);
        ReadBuffer(Some(kept.unwrap_or_else(|| vec![0; READ_BYTES].into_boxed_slice())))
    }

    pub(crate) fn as_mut(&mut self) -> &mut [u8] {
        self.0.as_deref_mut().unwrap_or_default()
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        if let Some(buffer) = self.0.take() {
            // A thread that is ending has no pool any more; the buffer is freed then.
            let _ = READING.try_with(|kept| {
                let mut kept = kept.borrow_mut();
                if kept.len() < KEPT {
                    kept.push(buffer);
                }
            });
        }
    }
}

/// What one read brought, at most 16 KiB, a whole TLS record; its buffer goes back to the thread when dropped.
pub struct Chunk {
    buffer: ReadBuffer,
    filled: usize,
}

impl Chunk {
    pub(crate) fn new(buffer: ReadBuffer, filled: usize) -> Chunk {
        Chunk { buffer, filled }
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer.0.as_deref().unwrap_or_default()[..self.filled]
    }
}

/// How much, not what: a password may be in it, and behind it what other connections have received.
impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({} bytes)", self.filled)
    }
}

/// An empty buffer for writing.
pub(crate) fn take_writing() -> Vec<u8> {
    WRITING.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Gives a buffer back that [`take_writing`] lent, on any thread.
pub(crate) fn give_writing(mut buffer: Vec<u8>) {
    if buffer.capacity() == 0 || buffer.capacity() > KEPT_WRITING_BYTES {
        return;
    }
    buffer.clear();
    // As above: no pool on a thread that is ending.
    let _ = WRITING.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        if kept.len() < KEPT {
            kept.push(buffer);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_shows_nothing_of_what_was_received() {
        let mut buffer = ReadBuffer::take();
        buffer.as_mut()[..6].copy_from_slice(b"secret");
        assert_eq!(format!("{:?}", Chunk::new(buffer, 3)), "Chunk(3 bytes)");
    }
}
