//! KeptRequests with the responses that they must have, as plain files: `tests/vectors/verdicts`.
//!
//! `VECTORS=write cargo test` keeps what the suites ask, by suite, module and test. Most of what
//! they ask is signed by keys that are made anew in every run, so the files are made once, and
//! `cargo test` replays them. `tests/vectors/verdicts/README.md` says what they are good for.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use sealgate_core::Digest;

use crate::source;

/// The suites whose requests are kept: what they ask is made by the kit alone.
const SUITES: [&str; 7] = [
    "attacks", "hostile", "keyed", "notation", "sigstore", "wasm", "words",
];

/// A larger request is asked, and not kept.
const LARGEST: usize = 64 << 10;

/// Nor is what a test asks beyond so many: those are changes of single bits.
const MOST: usize = 64;

/// A request, and the response that it must have.
#[derive(Debug)]
pub struct Vector {
    /// `sigstore/mutations/TEST/001`.
    pub name: String,
    folder: PathBuf,
}

impl Vector {
    fn path(&self, what: &str) -> PathBuf {
        self.folder.join(format!("{}.{what}.json", self.name))
    }

    /// The bytes to send.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn request(&self) -> io::Result<Vec<u8>> {
        fs::read(self.path("request"))
    }

    /// The bytes of the response.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn response(&self) -> io::Result<Vec<u8>> {
        fs::read(self.path("response"))
    }

    /// Puts another response in its place.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn answer(&self, response: &[u8]) -> io::Result<()> {
        fs::write(self.path("response"), response)
    }

    /// `sigstore`.
    pub fn suite(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }
}

/// Where they are.
pub fn folder() -> PathBuf {
    source::root().join("tests/vectors/verdicts")
}

/// All of them, by name.
///
/// # Errors
/// If a folder cannot be read, or of a request and its response one is missing.
pub fn all() -> io::Result<Vec<Vector>> {
    let folder = folder();
    let mut halves = BTreeMap::<String, BTreeSet<String>>::new();
    let mut open = vec![folder.clone()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let inner = path.strip_prefix(&folder).map_err(io::Error::other)?;
            let inner = inner.to_string_lossy();
            let name = inner
                .strip_suffix(".json")
                .and_then(|name| name.rsplit_once('.'));
            if let Some((name, half)) = name {
                halves
                    .entry(name.to_owned())
                    .or_default()
                    .insert(half.to_owned());
            } else if inner != "README.md" {
                return Err(io::Error::other(format!("{inner} is no vector")));
            }
        }
    }
    let pair = BTreeSet::from(["request".to_owned(), "response".to_owned()]);
    let mut found = Vec::new();
    for (name, half) in halves {
        if half != pair {
            return Err(io::Error::other(format!(
                "of {name} there is only {half:?}"
            )));
        }
        let folder = folder.clone();
        found.push(Vector { name, folder });
    }
    Ok(found)
}

/// The requests that this process has kept, and how many of each test.
#[derive(Default)]
struct KeptRequests {
    requests: HashSet<Digest>,
    tests: HashMap<PathBuf, usize>,
}

/// Keeps a request with its response, if `VECTORS=write` asks for it.
///
/// # Panics
/// If it cannot be written.
#[expect(clippy::expect_used, reason = "asked for, and not done")]
pub(crate) fn keep(request: &[u8], response: &[u8]) {
    static KEPT: LazyLock<Mutex<KeptRequests>> = LazyLock::new(Mutex::default);
    if std::env::var_os("VECTORS").is_none_or(|value| value != "write") {
        return;
    }
    let Some(folder) = of_this_test() else { return };
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if request.len() > LARGEST || !kept.requests.insert(Digest::sha256(request)) {
        return;
    }
    let count = kept.tests.entry(folder.clone()).or_default();
    if *count == MOST {
        return;
    }
    if *count == 0 && folder.exists() {
        fs::remove_dir_all(&folder).expect("the folder of an earlier run");
    }
    *count += 1;
    let write = |what: &str, bytes: &[u8]| {
        fs::write(folder.join(format!("{count:03}.{what}.json")), bytes).expect("a file");
    };
    fs::create_dir_all(&folder).expect("a folder");
    write("request", request);
    write("response", response);
}

/// The folder of the test that runs in this thread, if it is one of [`SUITES`].
fn of_this_test() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let (suite, _) = program.file_stem()?.to_str()?.rsplit_once('-')?;
    let thread = std::thread::current();
    let test = thread.name().filter(|name| *name != "main")?;
    let suite = SUITES.contains(&suite).then(|| Path::new(suite));
    Some(folder().join(suite?).join(test.replace("::", "/")))
}
