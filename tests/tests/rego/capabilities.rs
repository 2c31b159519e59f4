//! `rego/capabilities.json` has what the Rego of this folder uses.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::templates;

#[test]
fn whatever_our_rego_calls_is_among_the_capabilities() {
    let known = known();
    assert!(!known.contains("http.send"));
    let mut called = BTreeSet::new();
    let mut defined = BTreeSet::new();
    for path in templates::sources() {
        for line in templates::text(&path).lines() {
            let code = line.split(" # ").next().unwrap();
            if code.trim_start().starts_with('#') {
                continue;
            }
            let head = code.split(['(', ' ']).next().unwrap();
            defined.insert(head.to_owned());
            called.extend(calls(&without_texts(code)));
        }
    }
    // What stands before a dot is a package of ours, or one of OPA's.
    let ours = ["demand.", "message.", "sealgate.", "workload."];
    let builtins = called
        .iter()
        // `set()` is the empty set.
        .filter(|name| *name != "set" && !defined.contains(*name))
        .filter(|name| !ours.iter().any(|package| name.starts_with(package)));
    let builtins: BTreeSet<_> = builtins.map(String::as_str).collect();
    for expected in [
        "external_data",
        "json.marshal",
        "regex.match",
        "time.now_ns",
    ] {
        assert!(builtins.contains(expected), "{expected} in {builtins:?}");
    }
    let missing: Vec<_> = builtins
        .iter()
        .filter(|name| !known.contains(**name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn known() -> BTreeSet<String> {
    let text = templates::text(&templates::root().join("capabilities.json"));
    let capabilities: Value = serde_json::from_str(&text).unwrap();
    let builtins = capabilities["builtins"].as_array().unwrap();
    let names = builtins
        .iter()
        .map(|one| one["name"].as_str().unwrap().to_owned());
    names.collect()
}

/// A line without what stands in quotes.
fn without_texts(code: &str) -> String {
    let mut quote = None;
    let mut escaped = false;
    let mut kept = String::new();
    for c in code.chars() {
        match quote {
            None if c == '"' || c == '`' => quote = Some(c),
            None => kept.push(c),
            Some(_) if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
        }
    }
    kept
}

/// The names before a bracket.
fn calls(code: &str) -> Vec<String> {
    let of_name = |c: char| c.is_ascii_alphanumeric() || "._".contains(c);
    code.match_indices('(')
        .filter_map(|(at, _)| {
            let before = code.get(..at)?;
            let start = before.trim_end_matches(of_name).len();
            before
                .get(start..)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
        })
        .collect()
}
