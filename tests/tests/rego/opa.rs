//! The real OPA checks and tests the sources, in both dialects.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use sealgate_tests::e2e::Scenario;
use sealgate_tests::tools;
use serde_json::{Value, json};

use crate::templates;

#[test]
#[ignore = "needs opa: just tools opa"]
fn opa_finds_nothing_to_say_about_either_dialect() {
    for dialect in ["--v0-compatible", "--v1-compatible"] {
        let row = Scenario::begin(&format!("opa check --strict {dialect}"), "nothing to say");
        let said = opa(&["check", "--strict", dialect]);
        assert_eq!(said.trim(), "");
        row.seen("nothing");
    }
}

#[test]
#[ignore = "needs opa: just tools opa"]
fn opa_passes_the_tests_in_either_dialect() {
    for dialect in ["--v0-compatible", "--v1-compatible"] {
        let row = Scenario::begin(&format!("opa test {dialect}"), "PASS");
        let printed = opa(&["test", dialect]);
        assert!(printed.starts_with("PASS: "), "{printed}");
        row.seen(printed.trim());
    }
}

/// What Gatekeeper's Rego has at least: that of OPA 0.47.2, which is in Gatekeeper 3.11, without what
/// its manifests take away, and with `external_data`. A later OPA has all of it.
#[test]
#[ignore = "needs opa: just tools opa"]
fn the_capabilities_are_those_of_gatekeeper() {
    let row = Scenario::begin(
        "opa capabilities, Gatekeeper 3.11 to 3.23",
        "those of rego/",
    );
    let of = |version: &str| -> Value {
        let printed = run(Command::new(program()).args(["capabilities", "--version", version]));
        serde_json::from_str(&printed).unwrap()
    };
    let kept: Value = serde_json::from_str(&templates::text(&capabilities())).unwrap();
    let builtin = |all: &Value| -> BTreeMap<String, Value> {
        let all = all["builtins"].as_array().unwrap().clone();
        all.into_iter()
            .map(|one| {
                (
                    one["name"].as_str().unwrap().to_owned(),
                    one["decl"].clone(),
                )
            })
            .collect()
    };
    let (kept, oldest, newest) = (
        builtin(&kept),
        builtin(&of("v0.47.2")),
        builtin(&of("v1.17.1")),
    );
    let mut expected = oldest;
    expected.remove("http.send");
    for (name, declared) in &expected {
        assert_eq!(newest.get(name), Some(declared), "{name}");
    }
    let any = json!({"type": "any"});
    let call = json!({"type": "function", "args": [any], "result": any});
    expected.insert("external_data".to_owned(), call);
    assert_eq!(kept, expected);
    row.seen("those of rego/");
}

/// What `rego/README.md` tells authors to type.
#[test]
#[ignore = "needs opa: just tools opa"]
fn opa_alone_checks_and_tests_the_folder() {
    let row = Scenario::begin("opa check, opa test on the folder", "PASS");
    let readme = templates::text(&templates::root().join("README.md"));
    let shown = readme
        .lines()
        .filter_map(|line| line.strip_prefix("$ opa "));
    let shown: Vec<_> = shown.map(|line| line.split('#').next().unwrap()).collect();
    assert_eq!(shown.len(), 2, "{shown:?}");
    let printed: Vec<_> = shown
        .iter()
        .map(|line| {
            let words = line.split_whitespace().map(|word| word.replace('\'', ""));
            run(Command::new(program())
                .args(words)
                .current_dir(templates::root().join("..")))
        })
        .collect();
    assert_eq!(printed[0].trim(), "");
    assert!(printed[1].starts_with("PASS: "), "{}", printed[1]);
    row.seen(printed[1].trim());
}

/// Runs a command of OPA on all Rego files.
fn opa(arguments: &[&str]) -> String {
    let mut command = Command::new(program());
    command
        .args(arguments)
        .arg("--capabilities")
        .arg(capabilities());
    run(command.args(templates::sources()))
}

fn program() -> PathBuf {
    tools::find("opa").unwrap_or_else(|missing| panic!("{missing}"))
}

fn run(command: &mut Command) -> String {
    tools::run(command).unwrap_or_else(|failed| panic!("{failed}"))
}

fn capabilities() -> PathBuf {
    templates::root().join("capabilities.json")
}
