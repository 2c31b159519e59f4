//! A verdict follows from what `verify` is given, and from nothing else: core keeps no state of
//! the process or the thread that could change it, and asks the system for nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What could be a hidden input: state that outlives a call, and the system's own answers. A
/// `HashMap` iterates by the random numbers of its process.
const SIGNS: &[&str] = &[
    "static ",
    "thread_local!",
    "OnceLock",
    "OnceCell",
    "LazyLock",
    "LazyCell",
    "install_default",
    "HashMap",
    "HashSet",
    "RandomState",
    "SystemTime",
    "Instant",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "option_env!",
];

/// Lines that show a sign and are no input.
const ALLOWED: &[(&str, &str, &str)] = &[
    (
        "budget.rs",
        "static METER",
        "counts the work of one verdict: begun empty by `metered`, and gone with it",
    ),
    (
        "budget.rs",
        "thread_local!",
        "holds METER: the algorithms below rustls-webpki take no argument",
    ),
    (
        "crypto/backend/believing.rs",
        "static ON",
        "exists under cfg(fuzzing) alone, which no release builds with",
    ),
    ("crypto/webpki.rs", "static ALGORITHMS", "a constant"),
    ("evidence.rs", "use std::sync", "for `sha512`"),
    (
        "evidence.rs",
        "sha512: Arc<OnceLock<Digest>>",
        "a blob's own digest, which follows from its bytes",
    ),
    (
        "policy/condition/meter.rs",
        "static TYPE",
        "the name of a type of CEL",
    ),
    (
        "policy/condition/mod.rs",
        "use std::sync",
        "for ENVIRONMENT",
    ),
    (
        "policy/condition/mod.rs",
        "static ENVIRONMENT",
        "the functions that conditions have: compiled constants",
    ),
    (
        "policy/condition/operations.rs",
        "static PATTERNS_TYPE",
        "the name of a type of CEL",
    ),
    (
        "reference.rs",
        "use std::net::{Ipv4Addr, Ipv6Addr}",
        "how addresses are written",
    ),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.extension() {
            _ if path.is_dir() => sources(&path, found),
            Some(extension) if extension == "rs" => found.push(path),
            _ => {}
        }
    }
}

/// The code of a file: without comments, and without its tests, which stand last.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().map(str::trim).enumerate();
    lines
        .take_while(|(_, line)| *line != "#[cfg(test)]")
        .filter(|(_, line)| !line.starts_with("//"))
}

#[test]
fn core_has_no_hidden_input() {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src");
    let mut files = Vec::new();
    sources(&core, &mut files);
    let mut seen = BTreeSet::new();
    let mut hidden = Vec::new();
    for file in &files {
        let name = file.strip_prefix(&core).unwrap().to_str().unwrap();
        let text = fs::read_to_string(file).unwrap();
        for (number, line) in code(&text) {
            // A lifetime is no state.
            let state = line.replace("&'static ", "").replace("+ 'static ", "");
            if !SIGNS.iter().any(|sign| state.contains(sign)) {
                continue;
            }
            let allowed =
                |(place, what, _): &&(&str, &str, &str)| *place == name && line.contains(what);
            match ALLOWED.iter().find(allowed) {
                Some(row) => {
                    seen.insert(row);
                }
                None => hidden.push(format!("core/src/{name}:{}: {line}", number + 1)),
            }
        }
    }
    assert!(files.len() > 50, "core's sources are at {}", core.display());
    assert!(hidden.is_empty(), "hidden inputs:\n{}", hidden.join("\n"));
    let gone: Vec<_> = ALLOWED.iter().filter(|row| !seen.contains(row)).collect();
    assert!(gone.is_empty(), "allowed, and not there: {gone:?}");
}
