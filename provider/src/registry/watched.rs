//! Files that are read anew when they change, and keep their last good content.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;
use tokio::time::Instant;

/// How often a file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Configurations with credentials are small.
const MOST_BYTES: u64 = 4 << 20;

/// A file and what it says.
pub(crate) struct Watched<T> {
    path: PathBuf,
    parse: Parse<T>,
    state: Mutex<State<T>>,
}

type Parse<T> = fn(&Path, &[u8]) -> Result<T, ReadError>;

struct State<T> {
    looked_at: Option<Instant>,
    stamp: Option<Stamp>,
    value: Option<Arc<T>>,
}

/// Kubernetes swaps a symbolic link, which changes the modification time of what it leads to.
type Stamp = (Option<SystemTime>, u64);

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
            state: Mutex::new(State {
                looked_at: None,
                stamp: None,
                value: None,
            }),
        }
    }

    /// What the file says, or said when it was last readable.
    pub(crate) async fn read(&self) -> Result<Arc<T>, ReadError> {
        let mut state = self.state.lock().await;
        let fresh = state.looked_at.is_some_and(|at| at.elapsed() < LOOK_EVERY);
        if let (true, Some(value)) = (fresh, &state.value) {
            return Ok(value.clone());
        }
        let outcome = self.load(&mut state).await;
        state.looked_at = Some(Instant::now());
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

    async fn load(&self, state: &mut State<T>) -> Result<(), ReadError> {
        let wrong = |error: std::io::Error| ReadError::new(&self.path, error);
        let metadata = tokio::fs::metadata(&self.path).await.map_err(wrong)?;
        let stamp = (metadata.modified().ok(), metadata.len());
        if state.stamp == Some(stamp) && state.value.is_some() {
            return Ok(());
        }
        if metadata.len() > MOST_BYTES {
            return Err(ReadError::new(
                &self.path,
                format!("it has more than {MOST_BYTES} bytes"),
            ));
        }
        let bytes = tokio::fs::read(&self.path).await.map_err(wrong)?;
        state.value = Some(Arc::new((self.parse)(&self.path, &bytes)?));
        state.stamp = Some(stamp);
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
            tokio::time::advance(2 * LOOK_EVERY).await;
            assert_eq!(*watched.read().await.unwrap(), expected, "{content}");
        }
        std::fs::remove_file(&path).unwrap();
        tokio::time::advance(2 * LOOK_EVERY).await;
        assert_eq!(*watched.read().await.unwrap(), 4444);
    }
}
