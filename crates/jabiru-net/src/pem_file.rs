//! PEM files, read within bounds: a path in a configuration may name anything.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use rustls::pki_types::pem::{Error, PemObject};

/// The most bytes of a file that are read; the authorities that operating systems trust take some 250 KB.
const MAX_BYTES: u64 = 16 << 20;

/// Everything of one kind in the file.
///
/// # Errors
/// What can't be read as PEM, and whatever is no regular file: a device may have no end, and a pipe nobody who writes.
pub(crate) fn read<T: PemObject>(path: &Path) -> Result<Vec<T>, Error> {
    let refused = |why: &str| Error::Io(io::Error::new(io::ErrorKind::InvalidInput, why));
    let about = fs::metadata(path).map_err(Error::Io)?;
    if !about.is_file() {
        return Err(refused("it is no regular file"));
    }
    let mut text = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut text)).map_err(Error::Io)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(refused("it has more than 16 MiB"));
    }
    T::pem_slice_iter(&text).collect()
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;

    use super::*;

    /// Each of them would be read for ever.
    #[test]
    fn what_is_no_file_of_sound_size_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large");
        File::create(&large).unwrap().set_len(1 << 40).unwrap();
        for (path, why) in [(Path::new("/dev/zero"), "regular"), (folder.path(), "regular"), (&large, "16 MiB")] {
            let error = read::<CertificateDer<'static>>(path).unwrap_err().to_string();
            assert!(error.contains(why), "{}: {error}", path.display());
        }
    }
}
