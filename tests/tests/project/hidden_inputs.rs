//! A verdict follows from what `verify` is given, and from nothing else: core keeps no state of
//! the process or the thread that could change it, and asks the system for nothing.

use sealgate_tests::source;

use crate::allowed::{Allowed, Row};

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
const ALLOWED: &[Row] = &[
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

/// The code of a file: without comments, and without its tests, which stand last.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().map(str::trim).enumerate();
    lines
        .take_while(|(_, line)| *line != "#[cfg(test)]")
        .filter(|(_, line)| !line.starts_with("//"))
}

#[test]
fn core_has_no_hidden_input() {
    let files = source::files("core/src").unwrap();
    let mut allowed = Allowed::new(ALLOWED);
    for file in &files {
        let name = file.strip_prefix("core/src/").unwrap();
        let text = std::fs::read_to_string(source::root().join(file)).unwrap();
        for (number, line) in code(&text) {
            // A lifetime is no state.
            let state = line.replace("&'static ", "").replace("+ 'static ", "");
            if !SIGNS.iter().any(|sign| state.contains(sign)) {
                continue;
            }
            let is = |place: &str, what: &str| place == name && line.contains(what);
            allowed.note(is, format!("{file}:{}: {line}", number + 1));
        }
    }
    assert!(files.len() > 50, "core's sources are at core/src");
    allowed.assert_exact("hidden inputs");
}
