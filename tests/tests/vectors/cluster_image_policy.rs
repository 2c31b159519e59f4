//! policy-controller's own ClusterImagePolicies and TrustRoots: those that it takes are read, but for
//! what `tests/vectors/cluster-image-policy.md` lists with the reason, and those that it refuses are
//! refused at a field.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::{self, PolicyFile, Problem, only_inline_keys};
use sealgate_tests::{source, vectors};

use crate::table;

/// The files of a folder, by its name and theirs.
fn files(folder: &str) -> BTreeMap<String, PathBuf> {
    let base = vectors::folder("cluster-image-policy").join(folder);
    let entries = fs::read_dir(base).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (format!("{folder}/{name}"), path)
        })
        .collect()
}

const BESIDE: &str = "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\n\
                      metadata: {name: beside}\nspec:\n  images: [{glob: \"**\"}]\n  \
                      authorities: [{name: a, static: {action: fail}}]\n";

fn read(path: &PathBuf) -> Result<(), Vec<Problem>> {
    let file = PolicyFile {
        name: "p.yaml".to_owned(),
        text: fs::read_to_string(path).unwrap(),
    };
    // Trust roots alone are no policies.
    let beside = PolicyFile {
        name: "beside.yaml".to_owned(),
        text: BESIDE.to_owned(),
    };
    file::check(&[file, beside], NoMatch::Deny, &only_inline_keys).map(drop)
}

/// How much is lost of a file that is imported.
fn import(path: &PathBuf) -> Result<usize, Vec<Problem>> {
    let file = PolicyFile {
        name: "p.yaml".to_owned(),
        text: fs::read_to_string(path).unwrap(),
    };
    let documents = file::import(&file, &only_inline_keys)?;
    Ok(documents.iter().map(|document| document.lost.len()).sum())
}

pub(crate) fn what_policy_controller_takes_is_read_or_listed() {
    let path = source::root().join("tests/vectors/cluster-image-policy.md");
    let mut listed = table::rows(&fs::read_to_string(path).unwrap(), 3);
    let (mut taken, mut refused) = (0, 0);
    for folder in [
        "valid",
        "e2e",
        "examples",
        "trustroot/valid",
        "trustroot/e2e",
    ] {
        for (name, path) in files(folder) {
            match (read(&path), listed.remove(&name)) {
                (Ok(()), None) => taken += 1,
                (Ok(()), Some(why)) => panic!("{name} is read, and listed as refused: {why:?}"),
                (Err(problems), None) => panic!("{name}: {problems:#?}"),
                (Err(problems), Some(row)) => {
                    let expected = row[0].strip_prefix("document").unwrap_or(&row[0]);
                    let found = problems
                        .iter()
                        .any(|p| p.field.ends_with(expected) && p.line > 0);
                    assert!(found, "{name}: expected {expected}, found {problems:#?}");
                    let imported = import(&path);
                    match expected {
                        // No policy, or no certificates.
                        "" | "certChain" => assert!(imported.is_err(), "{name}"),
                        _ => match imported {
                            Ok(lost) => assert!(lost > 0, "{name}: nothing is lost"),
                            // What no certificate can meet.
                            Err(problems) => {
                                let issuer = |p: &Problem| p.message.contains("URL of an issuer");
                                assert!(problems.iter().all(issuer), "{name}: {problems:#?}");
                            }
                        },
                    }
                    refused += 1;
                }
            }
        }
    }
    assert!(listed.is_empty(), "listed, and not there: {listed:?}");
    assert!(taken > 10 && refused > 10);
    println!("policy-controller: {taken} files are read, {refused} refused as listed");
}

pub(crate) fn what_policy_controller_refuses_is_refused_at_a_field() {
    let mut refused = 0;
    for (name, path) in files("invalid") {
        let problems = read(&path).expect_err(&name);
        for problem in &problems {
            assert!(problem.line > 0, "{name}: {problem}");
            assert!(problem.field.starts_with("spec"), "{name}: {problem}");
        }
        refused += 1;
    }
    assert_eq!(refused, 33);
    println!("policy-controller: {refused} invalid files are refused");
}
