//! Pages of this repository that a test writes: they are checked in, and held to what it saw.

use std::fs;

use crate::source;

const SWITCH: &str = "SEALGATE_WRITE_DOCS";

/// Compares a page with the one that is checked in; with `SEALGATE_WRITE_DOCS` it writes it.
///
/// # Panics
/// If they differ.
pub fn check_written(file: &str, page: &str) {
    let write = std::env::var_os(SWITCH).is_some();
    check(file, page, write, &format!("{SWITCH}=1 writes it anew"));
}

/// Compares a page with the one that is checked in, or writes it; `make` says how.
///
/// # Panics
/// If they differ.
pub fn check(file: &str, page: &str, write: bool, make: &str) {
    let path = source::root().join(file);
    if write {
        let written = fs::write(&path, page);
        assert!(written.is_ok(), "{file}: {written:?}");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let lacks: Vec<_> = page
        .lines()
        .filter(|line| !found.lines().any(|one| one == *line))
        .collect();
    assert!(
        found == page,
        "{file} is not up to date: {make}\nit lacks:\n{}",
        lacks.join("\n")
    );
}
