//! Lines on their way out: to the log, to the audit log.
//!
//! A thread of its own writes them, a few milliseconds later and many at once, so that nobody
//! who has something to say waits for a slow disk, or for a pipe that nobody reads. What
//! may wait is bounded in bytes; lines beyond that are lost, and counted.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::files;

/// How long lines gather before they are written together: waking the writer for each
/// would cost more than everything else about a cached answer.
const GATHER: Duration = Duration::from_millis(10);

/// Bytes that each of the two buffers keeps for the next lines: as many as gather in a busy time, so
/// that nobody waits while memory is asked for. What one burst took beyond that is given back.
const KEPT: usize = 1 << 20;

/// Who has the lines, and hears what became of them. Called on the writer's thread, but for
/// [`lost`](Owner::lost).
pub(crate) trait Owner: Send + Sync + 'static {
    /// So many lines will never be written.
    fn lost(&self, lines: usize);

    /// Writing has begun to fail, or the file could not be opened anew.
    fn failed(&self, error: &io::Error);

    /// Some lines have been written, and there is room for more.
    fn written(&self) {}
}

/// Where lines go.
pub(crate) trait Sink: Send + 'static {
    /// Writes some of the bytes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Takes back the last bytes written: the beginning of a line whose end could not be.
    /// Whether that was possible.
    fn take_back(&mut self, bytes: usize) -> bool;

    /// Opens the file anew: it has been moved away. Whether it ends within a line.
    fn reopen(&mut self) -> io::Result<bool>;
}

/// Writes lines, as they come.
pub(crate) struct LineWriter {
    lines: Arc<Lines>,
    owner: Arc<dyn Owner>,
}

impl LineWriter {
    /// Starts the thread. `most` are the bytes that may wait; `torn` says whether `sink` ends
    /// within a line.
    pub(crate) fn start(
        name: &str,
        most: usize,
        (sink, torn): (impl Sink, bool),
        owner: Arc<dyn Owner>,
    ) -> io::Result<Self> {
        let lines = Arc::new(Lines {
            most,
            state: Mutex::default(),
            changed: Condvar::new(),
            ended: Condvar::new(),
        });
        let (taken, told) = (Arc::clone(&lines), Arc::clone(&owner));
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // However it ends, nobody waits for it any longer.
                let _end = End(&taken);
                write_lines(&taken, sink, torn, told.as_ref());
            })?;
        Ok(Self { lines, owner })
    }

    /// Adds a line, with its end, unless too much waits already: then it is lost.
    pub(crate) fn push(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.lines.lock();
        if state.closed || state.waiting.len() >= self.lines.most {
            drop(state);
            return self.owner.lost(1);
        }
        let first = state.waiting.is_empty();
        write(&mut state.waiting);
        state.lines += 1;
        drop(state);
        if first {
            self.lines.changed.notify_one();
        }
    }

    /// Opens the file anew, before the next line.
    pub(crate) fn reopen(&self) {
        self.lines.lock().reopen = true;
        self.lines.changed.notify_one();
    }

    /// Takes no more lines, and waits until those it has are written, but only so long. How many
    /// lines were left then; they are told to the owner as lost.
    pub(crate) fn close(&self, within: Duration) -> usize {
        let mut state = self.lines.lock();
        state.closed = true;
        self.lines.changed.notify_one();
        let (mut state, _) = self
            .lines
            .ended
            .wait_timeout_while(state, within, |state| !state.ended)
            .unwrap_or_else(PoisonError::into_inner);
        if state.ended {
            return 0;
        }
        let left = state.writing + std::mem::take(&mut state.lines);
        state.waiting.clear();
        state.writing = 0;
        drop(state);
        self.owner.lost(left);
        left
    }
}

struct Lines {
    most: usize,
    state: Mutex<State>,
    /// Lines have come, or there is something else for the writer to do.
    changed: Condvar,
    /// The writer has ended.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// How many lines those are.
    lines: usize,
    /// Lines that the writer is about to write.
    writing: usize,
    closed: bool,
    reopen: bool,
    ended: bool,
}

/// What the writer is to do.
struct Task {
    reopen: bool,
    last: bool,
}

impl Lines {
    /// Swaps `taken`, which is empty, for the lines that wait, as soon as there are any.
    fn take(&self, taken: &mut Vec<u8>) -> Task {
        let mut state = self.lock();
        while state.waiting.is_empty() && !state.closed && !state.reopen {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut state.waiting, taken);
        state.writing = std::mem::take(&mut state.lines);
        Task {
            reopen: std::mem::take(&mut state.reopen),
            last: state.closed,
        }
    }

    /// Whether what the owner has to say about it will not be lost at once.
    fn have_room(&self) -> bool {
        self.lock().waiting.len() < self.most / 2
    }

    /// A line cut short by a panic is no reason to lose the others.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that the writer has ended, when it is dropped.
struct End<'a>(&'a Lines);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.ended = true;
        state.closed = true;
        self.0.ended.notify_all();
    }
}

fn count(lines: &[u8]) -> usize {
    lines.iter().filter(|byte| **byte == b'\n').count()
}

fn write_lines(lines: &Lines, mut sink: impl Sink, mut torn: bool, owner: &dyn Owner) {
    let mut taken = Vec::new();
    let mut working = true;
    loop {
        let task = lines.take(&mut taken);
        if task.reopen {
            match sink.reopen() {
                Ok(ends_torn) => (torn, working) = (ends_torn, true),
                Err(error) => owner.failed(&error),
            }
        }
        if !taken.is_empty() {
            match write_whole(&mut sink, &taken, &mut torn) {
                Ok(()) => {
                    working = true;
                    if !task.last && lines.have_room() {
                        owner.written();
                    }
                }
                Err((error, lost)) => {
                    // Once it is given up, what it held is counted as lost already.
                    if lines.lock().writing > 0 {
                        owner.lost(lost);
                    }
                    if std::mem::take(&mut working) {
                        owner.failed(&error);
                    }
                }
            }
        }
        taken.clear();
        taken.shrink_to(KEPT);
        if task.last {
            if working {
                write_last_words(lines, &mut sink, &mut torn, owner);
            }
            return;
        }
        std::thread::sleep(GATHER);
    }
}

/// Of what was lost shortly before the end nobody would hear otherwise.
fn write_last_words(lines: &Lines, sink: &mut impl Sink, torn: &mut bool, owner: &dyn Owner) {
    lines.lock().closed = false;
    owner.written();
    let mut state = lines.lock();
    state.closed = true;
    let words = std::mem::take(&mut state.waiting);
    state.lines = 0;
    drop(state);
    if let Err((_, lost)) = write_whole(sink, &words, torn) {
        owner.lost(lost);
    }
}

/// Writes lines so that none is ever glued to the beginning of another. If that fails: why, and
/// how many of the lines are not written.
fn write_whole(
    sink: &mut impl Sink,
    lines: &[u8],
    torn: &mut bool,
) -> Result<(), (io::Error, usize)> {
    if *torn {
        write_all(sink, b"\n").map_err(|(error, _)| (error, count(lines)))?;
        *torn = false;
    }
    write_all(sink, lines).map_err(|(error, written)| {
        let (done, rest) = lines.split_at_checked(written).unwrap_or((lines, &[]));
        let beginning = done.iter().rev().take_while(|byte| **byte != b'\n').count();
        *torn = beginning > 0 && !sink.take_back(beginning);
        (error, count(rest))
    })
}

/// Writes it all, or says how much of it.
fn write_all(sink: &mut impl Sink, bytes: &[u8]) -> Result<(), (io::Error, usize)> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match sink.write(rest) {
            Ok(0) => return Err((io::ErrorKind::WriteZero.into(), written)),
            Ok(some) => written += some,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((error, written)),
        }
    }
    Ok(())
}

/// A file or a standard stream, without a buffer of its own.
pub(crate) struct Output {
    file: File,
    /// None: a standard stream.
    path: Option<PathBuf>,
}

impl Output {
    /// A standard stream.
    pub(crate) fn stream(stream: impl AsFd) -> io::Result<(Self, bool)> {
        let file = stream.as_fd().try_clone_to_owned()?.into();
        Ok((Self { file, path: None }, false))
    }

    /// A regular file, which is created if there is none. Whether it ends within a line.
    pub(crate) fn file(path: PathBuf) -> io::Result<(Self, bool)> {
        let file = files::append(&path)?;
        let torn = files::last_byte(&path)?.is_some_and(|byte| byte != b'\n');
        let path = Some(path);
        Ok((Self { file, path }, torn))
    }
}

impl Sink for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn take_back(&mut self, bytes: usize) -> bool {
        let shorten = || {
            let length = self.file.metadata()?.len();
            // It may have been emptied meanwhile.
            let kept = length.checked_sub(u64::try_from(bytes).unwrap_or(u64::MAX));
            self.file.set_len(kept.ok_or(io::ErrorKind::UnexpectedEof)?)
        };
        self.path.is_some() && shorten().is_ok()
    }

    fn reopen(&mut self) -> io::Result<bool> {
        let Some(path) = &self.path else {
            return Ok(false);
        };
        let (opened, torn) = Self::file(path.clone())?;
        *self = opened;
        Ok(torn)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[derive(Default)]
    struct Counts {
        lost: AtomicUsize,
        failed: AtomicUsize,
    }

    impl Owner for Counts {
        fn lost(&self, lines: usize) {
            self.lost.fetch_add(lines, Ordering::SeqCst);
        }

        fn failed(&self, _: &io::Error) {
            self.failed.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A disk with so much room, which can take back what it holds or not.
    struct Disk {
        bytes: Vec<u8>,
        room: usize,
        takes_back: bool,
    }

    impl Sink for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let some = bytes.len().min(self.room);
            if some == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= some;
            self.bytes.extend_from_slice(&bytes[..some]);
            Ok(some)
        }

        fn take_back(&mut self, bytes: usize) -> bool {
            if self.takes_back {
                self.bytes.truncate(self.bytes.len() - bytes);
            }
            self.takes_back
        }

        fn reopen(&mut self) -> io::Result<bool> {
            Ok(false)
        }
    }

    #[test]
    fn half_a_line_on_a_full_disk_is_never_glued_to_the_next_f24() {
        for takes_back in [true, false] {
            // Wherever within the three lines the disk is full.
            for room in 0..27 {
                let mut disk = Disk {
                    bytes: Vec::new(),
                    room,
                    takes_back,
                };
                let mut torn = false;
                let lines = b"{\"a\":1}\n{\"b\":22}\n{\"c\":333}\n";
                let (error, lost) = write_whole(&mut disk, lines, &mut torn).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::StorageFull);
                disk.room = 1000;
                write_whole(&mut disk, b"{\"d\":4}\n", &mut torn).unwrap();
                let text = String::from_utf8(disk.bytes).unwrap();
                let (good, broken): (Vec<_>, Vec<_>) = text
                    .lines()
                    .partition(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
                assert_eq!(good.last(), Some(&"{\"d\":4}"), "{room}: {text}");
                let whole = good.len() - 1 + lost;
                // Without its end, a line may still be all there.
                assert!(whole == 3 || (!takes_back && whole == 4), "{room}: {text}");
                assert!(broken.len() <= usize::from(!takes_back), "{room}: {text}");
            }
        }
    }

    #[test]
    fn what_a_crash_left_of_a_line_is_ended_before_the_next_f24() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        std::fs::write(&path, "{\"whole\":1}\n{\"ha").unwrap();
        let counts = Arc::new(Counts::default());
        let output = Output::file(path.clone()).unwrap();
        let writer = LineWriter::start("test", 1 << 20, output, counts).unwrap();
        writer.push(|line| line.extend_from_slice(b"{\"next\":1}\n"));
        assert_eq!(writer.close(Duration::from_secs(30)), 0);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "{\"whole\":1}\n{\"ha\n{\"next\":1}\n");
    }

    /// Blocks in its first write until it is told to go on.
    struct Stuck(mpsc::Sender<()>, mpsc::Receiver<()>);

    impl Sink for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(()).unwrap();
            // Whether told, or the test is over.
            let _ = self.1.recv();
            Ok(bytes.len())
        }

        fn take_back(&mut self, _: usize) -> bool {
            false
        }

        fn reopen(&mut self) -> io::Result<bool> {
            Ok(false)
        }
    }

    #[test]
    fn a_reader_that_never_reads_holds_up_nobody_and_every_line_lost_is_counted_f8_f15() {
        let counts = Arc::new(Counts::default());
        let (arrived, arrivals) = mpsc::channel();
        let (go_on, told) = mpsc::channel();
        let sink = (Stuck(arrived, told), false);
        let writer = LineWriter::start("test", 40, sink, Arc::<Counts>::clone(&counts)).unwrap();
        let line = |into: &mut Vec<u8>| into.extend_from_slice(b"0123456789\n");
        writer.push(line);
        arrivals.recv().unwrap();
        // Four fit into the 40 bytes that may wait; the others are lost at once.
        for _ in 0..10 {
            writer.push(line);
        }
        assert_eq!(counts.lost.load(Ordering::SeqCst), 6);
        assert_eq!(
            writer.close(Duration::from_millis(1)),
            5,
            "1 held, 4 waiting"
        );
        assert_eq!(counts.lost.load(Ordering::SeqCst), 11);
        writer.push(line);
        assert_eq!(counts.lost.load(Ordering::SeqCst), 12, "it is closed");
        drop(go_on);
    }
}
