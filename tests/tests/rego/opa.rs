//! The real OPA checks and tests the sources, in both dialects.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sealgate_tests::e2e::Scenario;
use sealgate_tests::tools;
use serde_json::{Value, json};

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

/// Runs a command of OPA on all Rego files, with the builtin declared.
fn opa(arguments: &[&str]) -> String {
    let program = tools::find("opa").unwrap_or_else(|missing| panic!("{missing}"));
    let run =
        |command: &mut Command| tools::run(command).unwrap_or_else(|failed| panic!("{failed}"));
    let known = run(Command::new(&program).args(["capabilities", "--current"]));
    let mut capabilities: Value = serde_json::from_str(&known).unwrap();
    capabilities["builtins"]
        .as_array_mut()
        .unwrap()
        .push(json!({
            "name": "external_data",
            "decl": {"type": "function", "args": [{"type": "any"}], "result": {"type": "any"}},
        }));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("capabilities.json");
    fs::write(&file, capabilities.to_string()).unwrap();
    let mut command = Command::new(&program);
    command.args(arguments).arg("--capabilities").arg(&file);
    run(command.args(sources()))
}

fn sources() -> Vec<PathBuf> {
    let rego = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rego");
    ["lib", "verified-images"]
        .iter()
        .flat_map(|folder| fs::read_dir(rego.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "rego"))
        .collect()
}
