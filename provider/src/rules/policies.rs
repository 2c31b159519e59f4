//! Policies from files and directories.
//!
//! A set of policies with a problem is not used at all. Leaving out the broken one would
//! let in what only that one refuses. So it is with a directory that holds none: its mount may be gone.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sealgate_core::Policies;
use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::{self, KeySource, KeySourceError, PolicyFile, Problem};

use crate::config::Config;
use crate::files::Pipes;

/// How policies are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// What holds for an image that no policy covers.
    pub no_match: NoMatch,
    /// Whether a directory may hold no policy.
    pub empty: bool,
    /// Whether files may be pipes.
    pub pipes: Pipes,
}

impl Reading {
    /// By the service, again and again.
    pub(crate) fn for_service(config: &Config) -> Self {
        Self {
            no_match: config.no_match_policy.into(),
            empty: config.danger_allow_empty_policies,
            pipes: Pipes::Refused,
        }
    }

    /// By a command, of files that a person names.
    pub(crate) fn for_command(no_match: NoMatch) -> Self {
        Self {
            no_match,
            empty: false,
            pipes: Pipes::Awaited,
        }
    }
}

/// Policies, and every file that they were read from.
#[derive(Debug)]
pub(crate) struct LoadedPolicies {
    /// The policies.
    pub policies: Policies,
    /// What is suspicious in them.
    pub warnings: Vec<Problem>,
    /// The files: of policies, and of the keys they name.
    pub files: BTreeSet<PathBuf>,
}

/// Reads the policies from files and directories, in the order of their names.
///
/// Of a directory, `*.yaml`, `*.yml` and `*.json` are read, not those below it, and not
/// those whose name begins with a dot.
///
/// # Errors
/// With every problem of every file.
pub(crate) fn load(paths: &[PathBuf], reading: Reading) -> Result<LoadedPolicies, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut files = BTreeSet::new();
    for path in paths {
        match policy_files(path) {
            Ok(found) if found.is_empty() && !reading.empty => problems.push(empty(path)),
            Ok(found) => files.extend(found),
            Err(error) => problems.push(unreadable(path, &error)),
        }
    }
    let mut texts = Vec::new();
    for path in &files {
        match reading.pipes.read_to_string(path) {
            Ok(text) => texts.push(PolicyFile {
                name: path.display().to_string(),
                text,
            }),
            Err(error) => problems.push(unreadable(path, &error)),
        }
    }
    let key_files = RefCell::new(BTreeSet::new());
    let resolve = |source: &KeySource| read_key(source, reading, &key_files);
    match file::check(&texts, reading.no_match, &resolve) {
        Ok(checked) if problems.is_empty() => {
            files.extend(key_files.take());
            Ok(LoadedPolicies {
                policies: checked.policies,
                warnings: checked.warnings,
                files,
            })
        }
        Ok(_) => Err(problems),
        Err(found) => {
            problems.extend(found);
            Err(problems)
        }
    }
}

fn policy_files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        let is_policy = matches!(
            file.extension().and_then(|e| e.to_str()),
            Some("yaml" | "yml" | "json")
        );
        // Kubernetes keeps its own bookkeeping beside mounted files: `..data`.
        let is_hidden = file
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        // What else is no file is a mistake that reading it tells.
        if is_policy && !is_hidden && !fs::metadata(&file)?.is_dir() {
            files.push(file);
        }
    }
    Ok(files)
}

/// Reads a key that a policy names by its file, relative to the policy's own.
fn read_key(
    source: &KeySource,
    reading: Reading,
    seen: &RefCell<BTreeSet<PathBuf>>,
) -> Result<Vec<u8>, KeySourceError> {
    let policy_file = Path::new(&source.policy_file);
    let directory = policy_file.parent().unwrap_or(Path::new(""));
    let file = directory.join(&source.path);
    let bytes = reading
        .pipes
        .read(&file)
        .map_err(|error| KeySourceError::Unreadable {
            file: file.display().to_string(),
            why: error.to_string(),
        });
    seen.borrow_mut().insert(file);
    bytes
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    let name = path.display().to_string();
    Problem::new(&name, 1, "", format!("cannot be read: {error}"))
}

fn empty(path: &Path) -> Problem {
    let name = path.display().to_string();
    let message = "this directory holds no policy, that is no *.yaml, *.yml or *.json: is something \
                   not mounted? To go without, take it out of policies, or set \
                   dangerAllowEmptyPolicies: true";
    Problem::new(&name, 1, "", message.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SERVICE: Reading = Reading {
        no_match: NoMatch::Deny,
        empty: false,
        pipes: Pipes::Refused,
    };

    const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEv0DfPUEBNqOHzlGBUOZU6oR+w1Xp\n\
        jJ8LPhJ26JyqzeoQ8AaEfTvPy0IyvwM2qLUTlQVj+XgAbcdxf3o+n7jYLA==\n\
        -----END PUBLIC KEY-----\n";

    fn policy(name: &str) -> String {
        format!(
            "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {{name: {name}}}\n\
             spec:\n  images: [{{glob: \"**\"}}]\n  authorities: [{{name: a, key: {{file: a.pub}}}}]\n"
        )
    }

    #[test]
    fn a_directory_is_read_with_the_keys_its_policies_name() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("b.yaml"), policy("b")).unwrap();
        fs::write(dir.path().join("a.yml"), policy("a")).unwrap();
        fs::write(dir.path().join("a.pub"), KEY).unwrap();
        fs::write(dir.path().join(".hidden.yaml"), "nonsense").unwrap();
        fs::write(dir.path().join("README.md"), "nonsense").unwrap();
        let loaded = load(&[dir.path().to_owned()], SERVICE).unwrap();
        let names: Vec<_> = loaded.policies.policies.iter().map(|p| p.name()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(loaded.files.contains(&dir.path().join("a.pub")));
    }

    #[test]
    fn every_problem_is_reported_and_nothing_is_used() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("good.yaml"), policy("good")).unwrap();
        fs::write(dir.path().join("bad.yaml"), "kind: Nonsense\n").unwrap();
        let missing = dir.path().join("missing.yaml");
        let problems = load(&[dir.path().to_owned(), missing], SERVICE).unwrap_err();
        let text: Vec<_> = problems.iter().map(ToString::to_string).collect();
        let text = text.join("\n");
        for expected in ["a.pub", "bad.yaml:1", "missing.yaml:1: cannot be read"] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }

    #[test]
    fn a_directory_without_a_policy_is_refused_beside_others_that_have_some_f28() {
        let (full, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(full.path().join("a.yaml"), policy("a")).unwrap();
        fs::write(full.path().join("a.pub"), KEY).unwrap();
        fs::write(empty.path().join(".hidden.yaml"), policy("b")).unwrap();
        let paths = [full.path().to_owned(), empty.path().to_owned()];
        for reading in [SERVICE, Reading::for_command(NoMatch::Deny)] {
            let problems = load(&paths, reading).unwrap_err();
            let [problem] = &problems[..] else {
                panic!("expected one problem, found {problems:?}");
            };
            let text = problem.to_string();
            let name = empty.path().display().to_string();
            assert!(text.starts_with(&name), "{text}");
            assert!(text.contains("holds no policy"), "{text}");
        }
        let allowed = Reading {
            empty: true,
            ..SERVICE
        };
        assert_eq!(load(&paths, allowed).unwrap().policies.policies.len(), 1);
    }

    #[test]
    fn a_fifo_among_the_policies_or_as_a_key_is_named_and_not_waited_for_f26() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.yaml"), policy("a")).unwrap();
        for fifo in ["a.pub", "pipe.yaml"] {
            let mode = rustix::fs::Mode::RWXU;
            rustix::fs::mkfifoat(rustix::fs::CWD, dir.path().join(fifo), mode).unwrap();
        }
        let problems = load(&[dir.path().to_owned()], SERVICE).unwrap_err();
        let text: Vec<_> = problems.iter().map(ToString::to_string).collect();
        let text = text.join("\n");
        for file in ["a.pub", "pipe.yaml"] {
            let line = text.lines().find(|line| line.contains(file));
            let line = line.unwrap_or_else(|| panic!("{file} in {text}"));
            assert!(
                line.contains("expected a regular file, found a FIFO"),
                "{line}"
            );
        }
    }
}
