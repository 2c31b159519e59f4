//! `tests/mutants` tries the mutants of what decides: all of core, but what is left out with a
//! reason. A file that is new, or moves, is in one list or the other.

use std::collections::BTreeSet;
use std::fs;

use sealgate_tests::source;

/// The lines of a list that are no comment, each with whether a reason follows.
fn lines(name: &str) -> Vec<(String, bool)> {
    let path = source::root().join("tests/mutants").join(name);
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let reason = |at: usize| lines.get(at + 1).is_some_and(|next| next.starts_with("  "));
    let entries = lines.iter().enumerate();
    entries
        .filter(|(_, line)| !line.is_empty() && !line.starts_with(' '))
        .map(|(at, line)| ((*line).to_owned(), reason(at)))
        .collect()
}

#[test]
fn every_file_of_core_has_its_mutants_tried_or_a_reason_why_not() {
    let tried: BTreeSet<String> = lines("table").into_iter().map(|(file, _)| file).collect();
    let left_out = lines("left_out");
    for (name, reason) in &left_out {
        assert!(*reason, "tests/mutants/left_out says no reason for {name}");
        let place = source::root().join(name);
        assert!(
            place.exists(),
            "tests/mutants/left_out names {name}, which is not there"
        );
    }
    let is_left_out = |file: &str| {
        left_out
            .iter()
            .any(|(name, _)| file == name || file.starts_with(&format!("{name}/")))
    };
    let files = source::files("core/src").unwrap();
    let mut wrong: Vec<String> = tried
        .iter()
        .filter(|file| !files.contains(*file))
        .map(|file| format!("{file} is not there"))
        .collect();
    for file in &files {
        match (tried.contains(file), is_left_out(file)) {
            (true, false) | (false, true) => {}
            (true, true) => wrong.push(format!("{file} is in both lists")),
            (false, false) => wrong.push(format!("{file} is in neither list")),
        }
    }
    assert!(
        wrong.is_empty(),
        "tests/mutants, table and left_out: {wrong:#?}"
    );
}

#[test]
fn every_mutant_that_is_waived_has_a_reason() {
    let tried: BTreeSet<String> = lines("table").into_iter().map(|(file, _)| file).collect();
    for (mutant, reason) in lines("waived") {
        assert!(reason, "tests/mutants/waived says no reason for {mutant}");
        let file = mutant.split(':').next().unwrap();
        assert!(
            tried.contains(file),
            "{file} is not in tests/mutants/table: {mutant}"
        );
    }
}
