//! A file that is read when it is needed, and keeps its last good content.
//!
//! It is compared by its content, as in [`super::watched`]. The difference between the two: this
//! is one file, of which whoever needs it waits for what it says; those are sets of files which a
//! task of its own looks at, and which must fit together.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sealgate_core::Digest;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// How often a file is read, as a rule.
pub(crate) const EVERY_SECOND: Duration = Duration::from_secs(1);
/// How often it is read if what it said was refused.
const READ_IN_DOUBT: Duration = Duration::from_millis(100);
/// How long a read is waited for. One that takes longer goes on, and no other is begun.
const READ_WITHIN: Duration = Duration::from_secs(1);
/// Files with credentials, or with certificates, are small.
const MOST_BYTES: u64 = 4 << 20;

/// A file and what it says.
pub(crate) struct Kept<T> {
    path: PathBuf,
    parse: Box<Parse<T>>,
    every: Duration,
    doubted: AtomicBool,
    state: Mutex<State<T>>,
}

type Parse<T> = dyn Fn(&Path, &[u8]) -> Result<T, ReadError> + Send + Sync;

struct State<T> {
    read_at: Option<Instant>,
    /// A read that has not ended.
    reading: Option<BegunRead>,
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

impl<T> Kept<T> {
    /// A file that is read no more often than `every` so long.
    pub(crate) fn new(
        path: &Path,
        every: Duration,
        parse: impl Fn(&Path, &[u8]) -> Result<T, ReadError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            path: path.to_owned(),
            parse: Box::new(parse),
            every,
            doubted: AtomicBool::new(false),
            state: Mutex::new(State {
                read_at: None,
                reading: None,
                content: None,
                value: None,
            }),
        }
    }

    /// The same, of which is known what it says.
    pub(crate) fn holding(mut self, content: &[u8], value: T) -> Self {
        let state = self.state.get_mut();
        state.content = Some(Digest::sha256(content));
        state.value = Some(Arc::new(value));
        self
    }

    /// What the file says, or said when it was last readable.
    pub(crate) async fn read(&self) -> Result<Arc<T>, ReadError> {
        let mut state = self.state.lock().await;
        let every = match self.doubted.load(Ordering::Relaxed) {
            true => self.every.min(READ_IN_DOUBT),
            false => self.every,
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
        let wrong = |error: io::Error| ReadError::new(&self.path, error);
        let path = self.path.clone();
        let read = move || super::read_up_to(&path, MOST_BYTES);
        let bytes = in_time(&mut state.reading, read).await.map_err(wrong)?;
        let content = Some(Digest::sha256(&bytes));
        if state.content != content {
            state.value = Some(Arc::new((self.parse)(&self.path, &bytes)?));
            state.content = content;
        }
        Ok(())
    }
}

/// A read that has begun.
struct BegunRead {
    began: Instant,
    bytes: JoinHandle<io::Result<Vec<u8>>>,
}

/// What is read, if that is there in time. What is not goes on, and is waited for the next time
/// instead of another: so one thread hangs, and not one more each time.
async fn in_time(
    reading: &mut Option<BegunRead>,
    read: impl FnOnce() -> io::Result<Vec<u8>> + Send + 'static,
) -> io::Result<Vec<u8>> {
    let begun = reading.get_or_insert_with(|| BegunRead {
        began: Instant::now(),
        bytes: tokio::task::spawn_blocking(read),
    });
    let left = READ_WITHIN.saturating_sub(begun.began.elapsed());
    let late = || {
        let message = format!("no answer within {} s", READ_WITHIN.as_secs());
        io::Error::new(io::ErrorKind::TimedOut, message)
    };
    if left.is_zero() && !begun.bytes.is_finished() {
        return Err(late());
    }
    let read = timeout(left, &mut begun.bytes).await;
    let read = read.map_err(|_| late())?;
    *reading = None;
    read.map_err(io::Error::other)?
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn kept(path: &Path) -> Kept<u32> {
        Kept::new(path, EVERY_SECOND, number)
    }

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
        let kept = kept(&path);
        assert!(kept.read().await.is_err(), "it is not there yet");
        for (content, expected) in [("1", 1), ("22", 22), ("broken", 22), ("4444", 4444)] {
            std::fs::write(&path, content).unwrap();
            tokio::time::advance(2 * EVERY_SECOND).await;
            assert_eq!(*kept.read().await.unwrap(), expected, "{content}");
        }
        std::fs::remove_file(&path).unwrap();
        tokio::time::advance(2 * EVERY_SECOND).await;
        assert_eq!(*kept.read().await.unwrap(), 4444);
    }

    /// A file that was read, and said 1111.
    async fn kept_in(folder: &Path) -> (PathBuf, Kept<u32>) {
        let path = folder.join("n");
        std::fs::write(&path, "1111").unwrap();
        let kept = kept(&path);
        assert_eq!(*kept.read().await.unwrap(), 1111);
        (path, kept)
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
        let (path, kept) = kept_in(folder.path()).await;
        write_unnoticed(&path, "2222");
        assert_eq!(*kept.read().await.unwrap(), 1111, "it was read just now");
        tokio::time::advance(2 * EVERY_SECOND).await;
        assert_eq!(*kept.read().await.unwrap(), 2222);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_refused_is_read_anew_but_not_without_end_f27() {
        let folder = tempfile::tempdir().unwrap();
        let (path, kept) = kept_in(folder.path()).await;
        write_unnoticed(&path, "2222");
        kept.doubt();
        assert_eq!(*kept.read().await.unwrap(), 1111, "it was read just now");
        tokio::time::advance(READ_IN_DOUBT).await;
        assert_eq!(*kept.read().await.unwrap(), 2222);
        write_unnoticed(&path, "3333");
        tokio::time::advance(READ_IN_DOUBT).await;
        assert_eq!(*kept.read().await.unwrap(), 2222, "nobody doubts it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = kept(folder.path()).read().await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("expected a regular file, found a directory"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_disk_that_does_not_answer_is_waited_for_once_by_one_thread_f26() {
        tokio::time::pause();
        let (answer, hanging) = std::sync::mpsc::channel();
        let mut reading = None;
        let late = in_time(&mut reading, move || Ok(hanging.recv().unwrap()));
        let time = async {
            tokio::task::yield_now().await;
            tokio::time::advance(2 * READ_WITHIN).await;
        };
        let (late, ()) = tokio::join!(late, time);
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let another = || panic!("a second thread reads");
        let late = in_time(&mut reading, another).await;
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
        answer.send(b"at last".to_vec()).unwrap();
        let found = loop {
            match in_time(&mut reading, another).await {
                Ok(found) => break found,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert_eq!(found, b"at last");
        assert!(reading.is_none());
    }
}
