//! Files that others put before us: policies, keys, certificates, trust material.
//!
//! Only regular files are read and written. To open a FIFO would mean to wait for its other end,
//! for ever if there is none; to read a device, to read without end.

pub(crate) mod kept;
pub(crate) mod watched;

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// The most bytes of a file that are read.
pub(crate) const MOST_BYTES: u64 = 32 << 20;

/// Whether a file may be a pipe, as those that a shell hands to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pipes {
    /// It may, and its other end is waited for: by commands, of files that a person names.
    Awaited,
    /// It may not: by the service.
    Refused,
}

impl Pipes {
    /// Reads a file of at most [`MOST_BYTES`].
    pub(crate) fn read(self, path: &Path) -> io::Result<Vec<u8>> {
        match self {
            Self::Awaited => read_bounded(File::open(path)?, MOST_BYTES),
            Self::Refused => read(path),
        }
    }

    /// The same, as text.
    pub(crate) fn read_to_string(self, path: &Path) -> io::Result<String> {
        text(self.read(path)?)
    }
}

/// The text that these bytes are.
pub(crate) fn text(bytes: Vec<u8>) -> io::Result<String> {
    let text = String::from_utf8(bytes);
    text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

/// Reads a regular file of at most [`MOST_BYTES`], without ever waiting for another process.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_up_to(path, MOST_BYTES)
}

/// The same of at most so many bytes; of more, the error's kind is `FileTooLarge`.
pub(crate) fn read_up_to(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    read_bounded(open(path, OpenOptions::new().read(true))?, most)
}

/// Reads as [`read`] does, where it holds up nobody.
pub(crate) async fn read_off_thread(path: &Path) -> io::Result<Vec<u8>> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || read(&path)).await;
    read.unwrap_or_else(|crash| Err(io::Error::other(crash)))
}

/// Reads at most so many bytes; of more, the error's kind is `FileTooLarge`.
pub(crate) fn read_bounded(from: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
        let message = format!("expected at most {most} bytes, found more");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// Opens a regular file to append to it; one that there is not is created, for its owner alone.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    open(
        path,
        OpenOptions::new().create(true).append(true).mode(0o600),
    )
}

/// The last byte of a regular file that is not empty. None, too, if it may not be read.
pub(crate) fn last_byte(path: &Path) -> io::Result<Option<u8>> {
    let file = match open(path, OpenOptions::new().read(true)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
        opened => opened?,
    };
    let Some(last) = file.metadata()?.len().checked_sub(1) else {
        return Ok(None);
    };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    let [byte] = byte;
    Ok(Some(byte))
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    let flags = i32::try_from(flags).map_err(io::Error::other)?;
    let opened = options.custom_flags(flags).open(path);
    let file = opened.map_err(|error| match fs::metadata(path) {
        // A FIFO without a reader cannot be opened to write: the system's words do not say so.
        Ok(found) if !found.is_file() => not_regular(&found),
        _ => error,
    })?;
    let found = file.metadata()?;
    match found.is_file() {
        true => Ok(file),
        false => Err(not_regular(&found)),
    }
}

fn not_regular(found: &Metadata) -> io::Error {
    let kind = found.file_type();
    let kind = match () {
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    let message = format!("expected a regular file, found {kind}");
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_opened_and_no_fifo_is_waited_for_f26_f29() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, path("fifo"), rustix::fs::Mode::RWXU).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        for (file, kind) in [
            (path("fifo"), "a FIFO"),
            (path("socket"), "a socket"),
            (folder.path().to_owned(), "a directory"),
            ("/dev/zero".into(), "a device"),
        ] {
            let expected = format!("expected a regular file, found {kind}");
            assert_eq!(read(&file).unwrap_err().to_string(), expected);
            assert_eq!(append(&file).unwrap_err().to_string(), expected);
        }
        fs::write(path("file"), "text").unwrap();
        assert_eq!(
            Pipes::Refused.read_to_string(&path("file")).unwrap(),
            "text"
        );
        assert_eq!(last_byte(&path("file")).unwrap(), Some(b't'));
    }

    #[test]
    fn a_file_without_end_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let error = read(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        let message = format!("expected at most {MOST_BYTES} bytes, found more");
        assert_eq!(error.to_string(), message);
        fs::write(&path, "1234").unwrap();
        assert_eq!(read_up_to(&path, 4).unwrap(), b"1234");
        let error = read_up_to(&path, 3).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
