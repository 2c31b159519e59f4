//! JSONTestSuite against the one door for foreign JSON (`sealgate_core::json`).
//!
//! `y_` must be read and `n_` refused, but for the exceptions of the table, which also decides
//! what RFC 8259 leaves open: `i_` and the transformations.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sealgate_core::json;
use sealgate_tests::vectors;
use serde_json::Value;

use crate::table;

const PARSING: usize = 318;
const TRANSFORM: usize = 22;

/// File → whether it is read.
fn table() -> BTreeMap<String, bool> {
    let rows = table::rows(include_str!("../../vectors/json-test-suite.md"), 3);
    let read = |row: &[String]| match row[0].as_str() {
        "read" => true,
        "refused" => false,
        other => panic!("read or refused, found {other}"),
    };
    rows.iter()
        .map(|(file, row)| (file.clone(), read(row)))
        .collect()
}

/// The files of a folder, in order.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// Whether the door lets a document in; whoever reads what it let in must not fail.
fn is_read(name: &str, bytes: &[u8]) -> bool {
    let checked = json::check(bytes).is_ok();
    let parsed = json::parse::<Value>(bytes).is_ok();
    assert_eq!(
        checked, parsed,
        "{name}: checked and then parsed differently"
    );
    checked
}

/// How many are read; fails for every one that is judged differently than expected.
fn judge(files: &[(String, Vec<u8>)], expected: impl Fn(&str) -> Option<bool>) -> usize {
    let mut wrong = Vec::new();
    let mut read = 0;
    for (name, bytes) in files {
        let found = is_read(name, bytes);
        read += usize::from(found);
        match expected(name) {
            Some(expected) if expected == found => {}
            Some(_) => wrong.push(format!("{name}: read is {found}")),
            None => wrong.push(format!("{name}: not in the table, read is {found}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    read
}

pub(crate) fn parsing() {
    let files = files(&vectors::folder("json-test-suite").join("test_parsing"));
    assert_eq!(files.len(), PARSING);
    let table = table();
    let own = |name: &str| match name.split_once('_') {
        Some(("y", _)) => Some(true),
        Some(("n", _)) => Some(false),
        _ => None,
    };
    // An exception that is none any more is a fault of the table.
    for (name, expected) in &table {
        assert_ne!(own(name), Some(*expected), "{name} needs no exception");
    }
    let read = judge(&files, |name| {
        table.get(name).copied().or_else(|| own(name))
    });
    let exceptions = table.keys().filter(|name| own(name).is_some()).count();
    println!(
        "JSONTestSuite, parsing: {PARSING} documents, {read} read, {} refused, {exceptions} exceptions",
        PARSING - read
    );
}

pub(crate) fn transform() {
    let files = files(&vectors::folder("json-test-suite").join("test_transform"));
    assert_eq!(files.len(), TRANSFORM);
    let table = table();
    let read = judge(&files, |name| table.get(name).copied());
    println!(
        "JSONTestSuite, transform: {TRANSFORM} documents, {read} read, {} refused",
        TRANSFORM - read
    );
}
