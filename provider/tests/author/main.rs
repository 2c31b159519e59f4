//! The tools of policy authors, as they are used: through the program, on files and on registries of
//! this machine.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod example;
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
