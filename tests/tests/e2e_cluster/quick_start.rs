//! The README's quick start, command by command, as it is written there.

use std::time::Instant;

use sealgate_tests::e2e::{Manifests, Table};

use crate::world::World;

const README: &str = include_str!("../../../README.md");
const GUIDE: &str = include_str!("../../../manifests/gatekeeper/README.md");

/// The commands, which the README and the guide of the manifests have alike.
fn commands() -> Vec<&'static str> {
    let commands = Manifests::commands(README, "## Run it beside Gatekeeper");
    let guide = Manifests::commands(GUIDE, "# sealgate in a cluster with Gatekeeper");
    assert_eq!(
        commands, guide,
        "README.md and manifests/gatekeeper/README.md differ"
    );
    commands
}

/// What comes before kubectl: a certificate, and whom to trust.
pub(crate) fn prepare(manifests: &Manifests, policy: &str) {
    for command in commands() {
        match command.split_once(' ') {
            Some(("kubectl", _)) => {}
            None if command == "manifests/base/tls/generate.sh" => manifests.certify().unwrap(),
            Some(("edit", "manifests/base/policies/production.yaml")) => {
                manifests.policy(policy).unwrap();
            }
            _ => panic!("README.md: the suite does not know how to run {command:?}"),
        }
    }
}

/// What kubectl does. Only the Providers' URL differs: here the provider is no Pod.
pub(crate) fn install(world: &World, table: &mut Table) {
    let mut ran = 0;
    for command in commands() {
        let Some(arguments) = command.strip_prefix("kubectl ") else {
            continue;
        };
        let began = Instant::now();
        let outcome = match arguments {
            "apply -k manifests/gatekeeper/" => world.apply(&[]),
            _ => {
                let words: Vec<_> = arguments
                    .split(' ')
                    .map(|word| local(world, word))
                    .collect();
                let words: Vec<_> = words.iter().map(String::as_str).collect();
                world.kubectl().must(&words)
            }
        };
        let seen = match &outcome {
            Ok(said) => said.lines().last().unwrap_or_default().to_owned(),
            Err(error) => error.to_string(),
        };
        let scenario = format!("README: {command}");
        table.row(
            &scenario,
            "exit code 0",
            &seen,
            outcome.is_ok(),
            began.elapsed(),
        );
        ran += 1;
    }
    assert!(
        ran >= 4,
        "README.md: the quick start has but {ran} commands of kubectl"
    );
}

/// A word as the shell would have it, with files where the suite has its copy.
fn local(world: &World, word: &str) -> String {
    let word = word.replace('\'', "");
    match word.strip_prefix("manifests/") {
        Some(file) => world.manifests.path(file).display().to_string(),
        None => word,
    }
}
