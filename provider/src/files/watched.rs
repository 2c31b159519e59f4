//! Looks at files again and again, and acts when their content has changed.
//!
//! By content, not by modification time nor by notification: Kubernetes swaps a symbolic
//! link above the files, editors replace them, network mounts keep quiet.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sealgate_core::Digest;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use crate::files;

/// After how long files are said not to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The content of a set of files and directories at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(Digest);

impl Fingerprint {
    /// Reads the files, and the files directly in the directories. A file that cannot be
    /// read has a content of its own.
    pub(crate) fn of<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let mut files = BTreeSet::new();
        for path in paths {
            collect(path, 4, &mut files);
        }
        let mut text = String::new();
        for file in files {
            let content = match files::read(&file) {
                Ok(bytes) => Digest::sha256(&bytes).to_string(),
                Err(error) => error.to_string(),
            };
            text.push_str(&format!("{:?} {content}\n", file.display()));
        }
        Self(Digest::sha256(text.as_bytes()))
    }
}

/// Adds a file, or what lies in a directory, `depth` levels down.
fn collect(path: &Path, depth: usize, files: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = fs::read_dir(path) else {
        files.insert(path.to_owned());
        return;
    };
    for entry in entries.flatten() {
        // The versions that Kubernetes keeps (`..2026_…`) are reached by their links.
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && depth > 0 {
            collect(&entry.path(), depth - 1, files);
        }
    }
}

/// Something that is loaded from files, and kept as it was while they are broken.
#[derive(Debug)]
pub(crate) struct Watched {
    seen: Option<Fingerprint>,
}

/// What became of one look.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look<T, E> {
    /// Nothing has changed.
    Same,
    /// The files are being changed: look again soon.
    Unsettled,
    /// They have changed, and this is what they hold now.
    Loaded(T),
    /// They have changed, and cannot be used. This is said once for each change.
    Broken(E),
}

impl Watched {
    /// Files that have not been looked at.
    pub(crate) fn new() -> Self {
        Self { seen: None }
    }

    /// Looks at the files, and loads them if they have changed.
    ///
    /// `paths` is asked each time, since what was loaded may name more files. If the content
    /// changes meanwhile, the result is thrown away: it may be half of the old and half of
    /// the new.
    pub(crate) fn look<T, E>(
        &mut self,
        paths: impl Fn() -> BTreeSet<PathBuf>,
        load: impl FnOnce() -> Result<T, E>,
    ) -> Look<T, E> {
        let paths = paths();
        let before = Fingerprint::of(&paths);
        if self.seen == Some(before) {
            return Look::Same;
        }
        let loaded = load();
        if Fingerprint::of(&paths) != before {
            return Look::Unsettled;
        }
        self.seen = Some(before);
        match loaded {
            Ok(loaded) => Look::Loaded(loaded),
            Err(error) => Look::Broken(error),
        }
    }
}

impl Default for Watched {
    fn default() -> Self {
        Self::new()
    }
}

/// Looks at files on a thread where that holds up nobody, as on a mount whose server is gone.
///
/// `stuck` is told when they do not answer for long, and when they do again; it is waited for
/// them, so that one thread hangs and not one more each time. None if `stop` came first.
pub(crate) async fn off_thread<T: Send + 'static>(
    look: impl FnOnce() -> T + Send + 'static,
    stop: &CancellationToken,
    stuck: impl Fn(bool),
) -> Option<Result<T, JoinError>> {
    let mut looking = tokio::task::spawn_blocking(look);
    tokio::select! {
        biased;
        looked = &mut looking => return Some(looked),
        () = stop.cancelled() => return None,
        () = tokio::time::sleep(PATIENCE) => {}
    }
    stuck(true);
    tracing::error!(
        seconds = PATIENCE.as_secs(),
        "files do not answer, the last good ones stay: does a mount hang?"
    );
    let looked = tokio::select! {
        biased;
        looked = looking => looked,
        () = stop.cancelled() => return None,
    };
    stuck(false);
    tracing::info!("the files answer again");
    Some(looked)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn files_that_do_not_answer_are_waited_for_by_one_thread_and_it_is_said_f26() {
        let stop = CancellationToken::new();
        let (answer, hanging) = mpsc::channel::<()>();
        let said = std::cell::RefCell::new(Vec::new());
        let looking = off_thread(
            move || hanging.recv(),
            &stop,
            |stuck| {
                said.borrow_mut().push(stuck);
                if stuck {
                    answer.send(()).unwrap();
                }
            },
        );
        tokio::time::pause();
        let time = async {
            tokio::task::yield_now().await;
            tokio::time::advance(2 * PATIENCE).await;
        };
        let (looked, ()) = tokio::join!(looking, time);
        assert!(matches!(looked, Some(Ok(Ok(())))), "{looked:?}");
        assert_eq!(*said.borrow(), [true, false]);
    }

    #[tokio::test]
    async fn files_that_never_answer_do_not_hold_up_the_end_f26_f15() {
        let stop = CancellationToken::new();
        let (answer, hanging) = mpsc::channel::<()>();
        let looking = off_thread(move || hanging.recv(), &stop, |_| {});
        stop.cancel();
        assert!(looking.await.is_none());
        drop(answer);
    }

    fn load(file: &Path) -> Result<String, String> {
        let text = fs::read_to_string(file).unwrap();
        if text.contains("bad") {
            Err(text)
        } else {
            Ok(text)
        }
    }

    #[test]
    fn a_swapped_symbolic_link_is_noticed_as_kubernetes_does_it() {
        let dir = tempfile::tempdir().unwrap();
        for (version, text) in [("..1", "one"), ("..2", "two")] {
            fs::create_dir(dir.path().join(version)).unwrap();
            fs::write(dir.path().join(version).join("file"), text).unwrap();
        }
        let data = dir.path().join("..data");
        std::os::unix::fs::symlink("..1", &data).unwrap();
        let file = dir.path().join("file");
        std::os::unix::fs::symlink("..data/file", &file).unwrap();

        let paths = || BTreeSet::from([dir.path().to_owned()]);
        let mut watched = Watched::new();
        assert_eq!(
            watched.look(paths, || load(&file)),
            Look::Loaded("one".into())
        );
        assert_eq!(watched.look(paths, || load(&file)), Look::Same);
        std::os::unix::fs::symlink("..2", dir.path().join("..new")).unwrap();
        fs::rename(dir.path().join("..new"), &data).unwrap();
        assert_eq!(
            watched.look(paths, || load(&file)),
            Look::Loaded("two".into())
        );
    }

    #[test]
    fn a_broken_file_is_reported_once_and_its_repair_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        let paths = || BTreeSet::from([file.clone()]);
        let mut watched = Watched::new();
        fs::write(&file, "bad").unwrap();
        assert_eq!(
            watched.look(paths, || load(&file)),
            Look::Broken("bad".into())
        );
        assert_eq!(watched.look(paths, || load(&file)), Look::Same);
        fs::write(&file, "good").unwrap();
        assert_eq!(
            watched.look(paths, || load(&file)),
            Look::Loaded("good".into())
        );
    }

    #[test]
    fn a_change_during_loading_is_never_used_half_atk_36() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "one").unwrap();
        let paths = || BTreeSet::from([file.clone()]);
        let mut watched = Watched::new();
        let torn = watched.look(paths, || {
            let old = load(&file);
            fs::write(&file, "two").unwrap();
            old
        });
        assert_eq!(torn, Look::Unsettled);
        assert_eq!(
            watched.look(paths, || load(&file)),
            Look::Loaded("two".into())
        );
    }
}
