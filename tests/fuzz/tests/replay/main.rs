//! Every file of every corpus through its target, on stable Rust and without libFuzzer, so that
//! targets cannot rot. Believing targets check signatures here: belief needs `cfg(fuzzing)`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sealgate_fuzz::TARGETS;

fn base() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn names(folder: &str) -> BTreeSet<String> {
    fs::read_dir(base().join(folder))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            path.file_stem().unwrap().to_string_lossy().into_owned()
        })
        .collect()
}

/// Else the refusals elsewhere would prove nothing.
fn genuine_inputs_verify() {
    let mut verified = 0;
    for entry in fs::read_dir(base().join("corpus/verify_believing")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("genuine_")
        {
            let data = fs::read(&path).unwrap();
            assert!(
                sealgate_fuzz::is_verified(&data),
                "{} is refused",
                path.display()
            );
            verified += 1;
        }
    }
    assert_eq!(verified, 7);
}

/// One test: memory is measured for the whole process.
#[test]
fn every_input_keeps_the_rules_adv_47_rt_27() {
    let targets: BTreeSet<_> = TARGETS
        .iter()
        .map(|target| target.name.to_owned())
        .collect();
    assert_eq!(targets, names("corpus"), "each target has its corpus");
    genuine_inputs_verify();
    let mut broken = Vec::new();
    let mut inputs = 0;
    for target in TARGETS {
        sealgate_fuzz::begin(target.name);
        let mut files: Vec<_> = fs::read_dir(base().join("corpus").join(target.name))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        assert!(!files.is_empty(), "{} has no corpus", target.name);
        for file in files {
            let data = fs::read(&file).unwrap();
            let judged = std::panic::catch_unwind(|| sealgate_fuzz::run(target.name, &data));
            if judged.is_err() {
                broken.push(file.display().to_string());
            }
            inputs += 1;
        }
    }
    assert!(
        broken.is_empty(),
        "inputs that break a rule, said above:\n{}",
        broken.join("\n")
    );
    println!("{inputs} inputs for {} targets", TARGETS.len());
}
