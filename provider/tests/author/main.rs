//! The tools of policy authors, as they are used: through the program, on files and on registries of
//! this machine.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod example;
mod inspect;
mod manifests;
mod policy_test;

use std::path::Path;
use std::process::Command;

/// What a run of the program printed, and how it ended.
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

fn sealgate(folder: &Path, arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_sealgate"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn the_schemas_are_printed_as_they_are_in_the_tree() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["trust-policy", "config", "verdict"] {
        let run = sealgate(here, &["schema", name]);
        let file = here.join(format!("schemas/{name}.schema.json"));
        assert_eq!(run.out, std::fs::read_to_string(file).unwrap());
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    }
    assert_eq!(sealgate(here, &["schema", "pack"]).code, Some(64));
}

/// Each line that names a schema to editors leads to one.
#[test]
fn the_lines_for_editors_lead_to_a_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for sample in [
        "examples/policy-test/policies/production.yaml",
        "provider/sealgate.yaml",
    ] {
        let file = root.join(sample);
        let text = std::fs::read_to_string(&file).unwrap();
        let line = text.lines().next().unwrap();
        let named = line
            .strip_prefix("# yaml-language-server: $schema=")
            .unwrap();
        assert!(file.parent().unwrap().join(named).is_file(), "{sample}");
    }
}
