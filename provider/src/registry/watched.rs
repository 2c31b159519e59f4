//! Files that are read anew when they change, and keep their last good content.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sealgate_core::Digest;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How often a file is read.
const READ_EVERY: Duration = Duration::from_secs(1);
/// How often it is read if what it said was refused.
const READ_IN_DOUBT: Duration = Duration::from_millis(100);
/// Configurations with credentials are small.
const MOST_BYTES: u64 = 4 << 20;

/// A file and what it says.
pub(crate) struct Watched<T> {
    path: PathBuf,
    parse: Parse<T>,
    doubted: AtomicBool,
    state: Mutex<State<T>>,
}

type Parse<T> = fn(&Path, &[u8]) -> Result<T, ReadError>;

struct State<T> {
    read_at: Option<Instant>,
    /// A digest of the bytes that `value` was read from. The length and the time of a file do
    /// not tell: a mounted volume, a copy that keeps times, or a coarse clock leave them alike.
    content: Option<Digest>,
    value: Option<Arc<T>>,
}

/// A file that cannot be read or understood. Never says what is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {}: {why}", path.display())]
pub(crate) struct ReadError {
    path: PathBuf,
    why: String,
}

impl ReadError {
    pub(crate) fn new(path: &Path, why: impl Display) -> Self {
        Self {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }
}

impl<T> Watched<T> {
    pub(crate) fn new(path: &Path, parse: Parse<T>) -> Self {
        Self {
            path: path.to_owned(),
            parse,
            doubted: AtomicBool::new(false),
            state: Mutex::new(State {
                read_at: None,
                content: None,
                value: None,
            }),
        }
    }

    /// What the file says, or said when it was last readable.
    pub(crate) async fn read(&self) -> Result<Arc<T>, ReadError> {
        let mut state = self.state.lock().await;
        let every = match self.doubted.load(Ordering::Relaxed) {
            true => READ_IN_DOUBT,
            false => READ_EVERY,
        };
        let fresh = state.read_at.is_some_and(|at| at.elapsed() < every);
        if let (true, Some(value)) = (fresh, &state.value) {
            return Ok(value.clone());
        }
        self.doubted.store(false, Ordering::Relaxed);
        let outcome = self.load(&mut state).await;
        state.read_at = Some(Instant::now());
        match (outcome, &state.value) {
            (Ok(()), Some(value)) => Ok(value.clone()),
            (Err(error), Some(value)) => {
                tracing::warn!(%error, "keeping what the file said before");
                Ok(value.clone())
            }
            (Err(error), None) => Err(error),
            (Ok(()), None) => Err(ReadError::new(&self.path, "it was never read")),
        }
    }

    /// What it said was refused: there may be something newer in it.
    pub(crate) fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    async fn load(&self, state: &mut State<T>) -> Result<(), ReadError> {
        let wrong = |error: std::io::Error| ReadError::new(&self.path, error);
        let metadata = tokio::fs::metadata(&self.path).await.map_err(wrong)?;
        // A pipe would be waited for.
        if !metadata.is_file() {
            return Err(ReadError::new(&self.path, "it is no file"));
        }
        if metadata.len() > MOST_BYTES {
            return Err(ReadError::new(
                &self.path,
                format!("it has more than {MOST_BYTES} bytes"),
            ));
        }
        let bytes = tokio::fs::read(&self.path).await.map_err(wrong)?;
        let content = Some(Digest::sha256(&bytes));
        if state.content != content {
            state.value = Some(Arc::new((self.parse)(&self.path, &bytes)?));
            state.content = content;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn number(path: &Path, bytes: &[u8]) -> Result<u32, ReadError> {
        let text = str::from_utf8(bytes)
            .ok()
            .and_then(|text| text.parse().ok());
        text.ok_or_else(|| ReadError::new(path, "no number"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_seen_and_the_last_good_content_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n");
        let watched = Watched::new(&path, number);
        assert!(watched.read().await.is_err(), "it is not there yet");
        for (content, expected) in [("1", 1), ("22", 22), ("broken", 22), ("4444", 4444)] {
            std::fs::write(&path, content).unwrap();
            tokio::time::advance(2 * READ_EVERY).await;
            assert_eq!(*watched.read().await.unwrap(), expected, "{content}");
        }
        std::fs::remove_file(&path).unwrap();
        tokio::time::advance(2 * READ_EVERY).await;
        assert_eq!(*watched.read().await.unwrap(), 4444);
    }

    /// Writes and gives the file the modification time that it had.
    fn write_unnoticed(path: &Path, content: &str) {
        let before = std::fs::metadata(path).unwrap().modified().unwrap();
        std::fs::write(path, content).unwrap();
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(before).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_seen_that_length_and_time_do_not_show_f27() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n");
        std::fs::write(&path, "1111").unwrap();
        let watched = Watched::new(&path, number);
        assert_eq!(*watched.read().await.unwrap(), 1111);
        write_unnoticed(&path, "2222");
        assert_eq!(*watched.read().await.unwrap(), 1111, "it was read just now");
        tokio::time::advance(2 * READ_EVERY).await;
        assert_eq!(*watched.read().await.unwrap(), 2222);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_refused_is_read_anew_but_not_without_end_f27() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n");
        std::fs::write(&path, "1111").unwrap();
        let watched = Watched::new(&path, number);
        assert_eq!(*watched.read().await.unwrap(), 1111);
        write_unnoticed(&path, "2222");
        watched.doubt();
        assert_eq!(*watched.read().await.unwrap(), 1111, "it was read just now");
        tokio::time::advance(READ_IN_DOUBT).await;
        assert_eq!(*watched.read().await.unwrap(), 2222);
        write_unnoticed(&path, "3333");
        tokio::time::advance(READ_IN_DOUBT).await;
        assert_eq!(*watched.read().await.unwrap(), 2222, "nobody doubts it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = Watched::new(folder.path(), number)
            .read()
            .await
            .unwrap_err();
        assert!(error.to_string().contains("it is no file"), "{error}");
    }
}
